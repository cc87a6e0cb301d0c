//! Jobs about two targets, each with a table of the same name that holds a memory with the same id.

use lethe_common::job::{JobId, Outcome, StoreKind};
use lethe_common::ledger::{
    Delta, ExecutionOptions, ItemCursor, ItemOutcome, ItemRow, Lease, Ledger, NewJob, NewPartition, RecordEnd,
    RetryOutcome, Route,
};
use lethe_common::schedule::{Window, Windows};
use lethe_common::state::State;

use crate::support::{ids, new_job, route};
use crate::{TestLedger, accept, claim_of, end, ended_as};

crate::on_both! {
    memories_with_the_same_id_are_credited_apart,
    memories_with_the_same_id_are_listed_one_by_one,
    a_conflict_in_one_target_is_none_in_another,
    a_job_grows_old_while_one_of_its_targets_is_not_paused,
    a_job_with_windows_does_not_grow_old_while_its_target_is_paused,
}

const HOUR: i64 = 60 * 60 * 1_000;

/// Returns the mappings of both targets.
fn routes() -> [Route; 2] {
    let other = Route {
        target: "other".to_owned(),
        ..route()
    };
    [route(), other]
}

/// Accepts a job about `memory-0` in both targets.
async fn accept_both(ledger: &Ledger) -> JobId {
    let partitions = routes().map(|route| NewPartition { route, ..ids(1) });
    accept(ledger, new_job(partitions.into())).await
}

/// Claims both partitions, sorted by target.
async fn claim_both(ledger: &Ledger) -> [Lease; 2] {
    let mut leases = claim_of(ledger, &routes()).await;
    leases.sort_by(|one, other| one.route.target.cmp(&other.route.target));
    leases.try_into().expect("each target has one")
}

/// Returns the outcomes of `memory-0` in both stores, with an item unless it was erased.
fn met(sql: Outcome, vector: Outcome) -> Delta {
    let mut delta = Delta::default();
    for (store, outcome) in [(StoreKind::Sql, sql), (StoreKind::Vector, vector)] {
        delta.count(store, outcome, 1);
        if outcome != Outcome::Erased {
            delta.items.push(ItemOutcome {
                id: "memory-0".to_owned(),
                store,
                outcome: Some(outcome),
                code: None,
            });
        }
    }
    delta
}

/// Records the same outcome in both targets, in one group. Returns the state in which that ends the job.
async fn record_both(ledger: &Ledger, leases: &[Lease; 2], sql: Outcome, vector: Outcome) -> Option<State> {
    let records = leases
        .each_ref()
        .map(|lease| end(lease, met(sql, vector), RecordEnd::Done));
    let after = ledger.record(&records).await.unwrap();
    after.iter().find_map(ended_as)
}

async fn memories_with_the_same_id_are_credited_apart(TestLedger { ledger, _dir, .. }: TestLedger) {
    let id = accept_both(&ledger).await;
    let leases = claim_both(&ledger).await;
    let ended = record_both(&ledger, &leases, Outcome::Erased, Outcome::Failed).await;
    assert_eq!(ended, Some(State::Failed));

    let retried = ledger.retry(id, &crate::tester()).await.unwrap();
    assert_eq!(retried, RetryOutcome::Accepted);
    let leases = claim_both(&ledger).await;
    record_both(&ledger, &leases, Outcome::Absent, Outcome::Erased).await;

    let job = ledger.job(id).await.unwrap().unwrap();
    assert_eq!(job.stores.len(), 4, "two stores in each of two targets");
    for store in &job.stores {
        let counts = store.counts.iter().map(|(word, n)| (word.as_str(), *n));
        let above_zero: Vec<(&str, u64)> = counts.filter(|(_, n)| *n > 0).collect();
        assert_eq!(above_zero, [("erased", 1)], "{} {}", store.target, store.store.as_str());
    }
    let absent = ledger.items(id, "absent", ItemCursor::default(), 10).await.unwrap();
    assert_eq!(absent, []);
}

async fn memories_with_the_same_id_are_listed_one_by_one(TestLedger { ledger, _dir, .. }: TestLedger) {
    let id = accept_both(&ledger).await;
    let leases = claim_both(&ledger).await;
    record_both(&ledger, &leases, Outcome::Absent, Outcome::Erased).await;

    let all = ledger.items(id, "absent", ItemCursor::default(), 10).await.unwrap();
    assert_eq!(all.len(), 2, "one in each target: {all:?}");
    let mut pages: Vec<ItemRow> = Vec::new();
    for _ in 0..2 {
        let after = pages.last().map(ItemRow::cursor).unwrap_or_default();
        let page = ledger.items(id, "absent", after, 1).await.unwrap();
        pages.extend(page);
    }
    assert_eq!(pages, all);
    let after = pages.last().map(ItemRow::cursor).unwrap_or_default();
    assert_eq!(ledger.items(id, "absent", after, 1).await.unwrap(), []);
}

async fn a_conflict_in_one_target_is_none_in_another(TestLedger { ledger, _dir, .. }: TestLedger) {
    accept_both(&ledger).await;
    let [main, other] = claim_both(&ledger).await;
    let delta = met(Outcome::Conflicted, Outcome::Conflicted);
    ledger.record(&[end(&main, delta, RecordEnd::Done)]).await.unwrap();

    let asked = ["memory-0".to_owned()];
    let in_main = ledger.conflicted(&main, &asked).await.unwrap();
    assert_eq!(in_main.into_iter().collect::<Vec<_>>(), asked);
    let in_other = ledger.conflicted(&other, &asked).await.unwrap();
    assert!(in_other.is_empty(), "its memory may be there still");
}

/// Returns the age of the oldest unfinished job, in hours.
async fn oldest(ledger: &Ledger) -> u64 {
    ledger.service_state(1).await.unwrap().queue.oldest_ms / HOUR.unsigned_abs()
}

async fn a_job_grows_old_while_one_of_its_targets_is_not_paused(test: TestLedger) {
    let (ledger, tester) = (&test.ledger, crate::tester());
    accept_both(ledger).await;
    test.pass(2 * HOUR).await;
    accept(ledger, new_job(vec![ids(1)])).await;
    test.pass(HOUR).await;
    assert_eq!(oldest(ledger).await, 3);
    ledger.pause(Some("main"), &tester).await.unwrap();
    assert_eq!(oldest(ledger).await, 3, "it goes on in the other target");
    ledger.pause(Some("other"), &tester).await.unwrap();
    assert_eq!(oldest(ledger).await, 0);
    ledger.resume(Some("main"), &tester).await.unwrap();
    assert_eq!(oldest(ledger).await, 3);
    ledger.pause(None, &tester).await.unwrap();
    assert_eq!(oldest(ledger).await, 0);
}

async fn a_job_with_windows_does_not_grow_old_while_its_target_is_paused(test: TestLedger) {
    let (ledger, tester) = (&test.ledger, crate::tester());
    let always = Window {
        days: None,
        from: "00:00".to_owned(),
        to: "24:00".to_owned(),
    };
    let execution = ExecutionOptions {
        windows: Some(Windows::new("UTC", vec![always]).unwrap()),
        ..ExecutionOptions::default()
    };
    let job = NewJob {
        execution,
        ..new_job(vec![ids(1)])
    };
    accept(ledger, job).await;
    test.pass(HOUR).await;
    let age = async || ledger.service_state(1).await.unwrap().queue.oldest_ms;
    assert!(age().await > 0);
    ledger.pause(Some("main"), &tester).await.unwrap();
    assert_eq!(age().await, 0);
}
