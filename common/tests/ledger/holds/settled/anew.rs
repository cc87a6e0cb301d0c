//! The attempt that a release begins, and retries after it.

use std::collections::BTreeSet;
use std::slice::from_ref;

use lethe_common::error_code::ErrorCode;
use lethe_common::filter::Filter;
use lethe_common::job::{JobId, Outcome, StoreKind};
use lethe_common::ledger::{
    Delta, ItemOutcome, Kind, Lease, Ledger, NewJob, NewPartition, RecordEnd, RetryOutcome, Snapshot, Work,
};
use lethe_common::state::State;

use super::super::{held, hold, kept, put, release, revision, settle, work};
use super::{adds_up, both};
use crate::support::new_job;
use crate::{TestLedger, accept, claim, claim_one, end, ended_as, erased, ids, record, state, subject_job, tester};

crate::on_both! {
    a_retry_after_a_release_reads_the_whole_list_back,
    a_retry_after_two_releases_reads_each_memory_back_once,
    a_person_is_not_planned_anew,
    a_retry_after_a_release_plans_anew,
    a_release_keeps_the_expectation,
    a_query_keeps_its_snapshot,
    points_are_asked_for_by_their_own_ids,
    long_lists_are_cut,
    memories_without_items_are_not_lost,
}

/// Returns the results of a batch whose only memory fails.
fn failed(id: &str) -> Delta {
    let mut delta = Delta::default();
    for store in [StoreKind::Sql, StoreKind::Vector] {
        delta.count(store, Outcome::Failed, 1);
        delta.items.push(ItemOutcome {
            id: id.to_owned(),
            store,
            outcome: Some(Outcome::Failed),
            code: Some(ErrorCode::Rejected),
        });
    }
    delta
}

/// Returns the ids that a lease lists, sorted.
fn listed(lease: &Lease) -> Vec<&str> {
    let (Work::Ids(ids) | Work::Listed(ids)) = &lease.work else {
        panic!("{:?}", lease.work)
    };
    let mut ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    ids.sort_unstable();
    ids
}

/// Releases a hold, and returns the lease of the next attempt.
async fn released(ledger: &Ledger, name: &str, id: JobId) -> Lease {
    release(ledger, name).await;
    assert_eq!(settle(ledger).await, [id]);
    claim_one(ledger).await
}

/// Retries a job.
async fn retry(ledger: &Ledger, id: JobId) {
    assert_eq!(ledger.retry(id, &tester()).await.unwrap(), RetryOutcome::Accepted);
}

/// Reads all due partitions back, without residue. Returns the ids that they list, and the job's final state.
async fn read_back(ledger: &Ledger) -> (Vec<String>, Option<State>) {
    let (mut ids, mut ended) = (Vec::new(), None);
    for lease in claim(ledger).await {
        assert_eq!(lease.kind, Kind::ReadBack);
        ids.extend(listed(&lease).into_iter().map(str::to_owned));
        ended = ended_as(&record(ledger, end(&lease, Delta::default(), RecordEnd::Done)).await);
    }
    (ids, ended)
}

async fn a_retry_after_a_release_reads_the_whole_list_back(TestLedger { ledger, _dir, .. }: TestLedger) {
    put(&ledger, &hold("case-77")).await;
    let id = held(&ledger, "case-77", new_job(vec![ids(3)])).await;
    let first = ledger.first_ids(id, 10).await.unwrap();
    assert_eq!(first.ids, ["memory-0", "memory-1", "memory-2"]);
    let lease = released(&ledger, "case-77", id).await;
    assert!(
        ledger.first_ids(id, 10).await.unwrap() == first,
        "the request has not changed"
    );
    assert_eq!(work(&ledger, &lease, failed("memory-2")).await, Some(State::Failed));

    retry(&ledger, id).await;
    assert!(ledger.first_ids(id, 10).await.unwrap() == first);
    let lease = claim_one(&ledger).await;
    assert_eq!(listed(&lease), ["memory-2"]);
    record(&ledger, end(&lease, erased(1), RecordEnd::Done)).await;
    let (ids, ended) = read_back(&ledger).await;
    assert_eq!(ids, ["memory-0", "memory-1", "memory-2"]);
    assert_eq!(ended, Some(State::Succeeded));
    let job = ledger.job(id).await.unwrap().unwrap();
    both(&job.stores, "erased", 3);
    assert_eq!((job.selected, job.attempts.len()), (3, 3));
    adds_up(&ledger, 0).await;
}

async fn a_retry_after_two_releases_reads_each_memory_back_once(TestLedger { ledger, _dir, .. }: TestLedger) {
    put(&ledger, &hold("case-77")).await;
    let id = held(&ledger, "case-77", new_job(vec![ids(3)])).await;
    put(&ledger, &hold("case-78")).await;
    let read = revision(&ledger, "case-78").await.unwrap();
    let lease = released(&ledger, "case-77", id).await;
    let ended = work(&ledger, &lease, kept(0, &["memory-2"], ("case-78", read))).await;
    assert_eq!(ended, Some(State::Held));
    let lease = released(&ledger, "case-78", id).await;
    assert_eq!(work(&ledger, &lease, failed("memory-2")).await, Some(State::Failed));

    retry(&ledger, id).await;
    let lease = claim_one(&ledger).await;
    record(&ledger, end(&lease, erased(1), RecordEnd::Done)).await;
    let (ids, ended) = read_back(&ledger).await;
    assert_eq!(ids, ["memory-0", "memory-1", "memory-2"]);
    assert_eq!(ended, Some(State::Succeeded));
    both(&ledger.job(id).await.unwrap().unwrap().stores, "erased", 3);
    adds_up(&ledger, 0).await;
}

/// Makes a job by subject or query held: of three planned memories a hold keeps the last one.
async fn planned(ledger: &Ledger, job: NewJob, snapshot: Option<Snapshot>, part: &NewPartition) -> JobId {
    put(ledger, &hold("case-77")).await;
    let read = revision(ledger, "case-77").await.unwrap();
    let id = accept(ledger, job).await;
    let lease = claim_one(ledger).await;
    assert_eq!(lease.kind, Kind::Plan);
    let delta = Delta {
        selected: 3,
        planned: from_ref(part).to_vec(),
        snapshot,
        ..Delta::default()
    };
    record(ledger, end(&lease, delta, RecordEnd::Done)).await;
    let lease = claim_one(ledger).await;
    work(ledger, &lease, kept(2, &["memory-2"], ("case-77", read))).await;
    for lease in claim(ledger).await {
        assert_eq!(lease.kind, Kind::ReadBack);
        record(ledger, end(&lease, Delta::default(), RecordEnd::Done)).await;
    }
    assert_eq!(state(ledger, id).await, State::Held);
    id
}

/// Returns a range of three rows.
fn range() -> NewPartition {
    NewPartition {
        work: Work::Range {
            after: None,
            through: None,
        },
        ..ids(3)
    }
}

async fn a_person_is_not_planned_anew(TestLedger { ledger, _dir, .. }: TestLedger) {
    let id = planned(&ledger, subject_job(1), None, &range()).await;
    adds_up(&ledger, 0).await;
    let lease = released(&ledger, "case-77", id).await;
    let job = ledger.job(id).await.unwrap().unwrap();
    assert_eq!((job.state, job.selected, job.remaining), (State::Running, 3, 1));
    assert_eq!((lease.kind, listed(&lease)), (Kind::Erase, vec!["memory-2"]));
    assert_eq!(work(&ledger, &lease, erased(1)).await, Some(State::Succeeded));
    assert!(claim(&ledger).await.is_empty());
    let job = ledger.job(id).await.unwrap().unwrap();
    both(&job.stores, "erased", 3);
    assert_eq!((job.selected, job.remaining), (3, 0));
    adds_up(&ledger, 0).await;
}

async fn a_retry_after_a_release_plans_anew(TestLedger { ledger, _dir, .. }: TestLedger) {
    let id = planned(&ledger, subject_job(1), None, &range()).await;
    let lease = released(&ledger, "case-77", id).await;
    assert_eq!(work(&ledger, &lease, failed("memory-2")).await, Some(State::Failed));
    retry(&ledger, id).await;
    let lease = claim_one(&ledger).await;
    assert!(lease.kind == Kind::Plan && lease.work == Work::Subject);
    let delta = Delta {
        selected: 1,
        planned: vec![NewPartition {
            remaining: 1,
            ..range()
        }],
        ..Delta::default()
    };
    record(&ledger, end(&lease, delta, RecordEnd::Done)).await;
    record(&ledger, end(&claim_one(&ledger).await, erased(1), RecordEnd::Done)).await;
    let lease = claim_one(&ledger).await;
    assert!(lease.kind == Kind::ReadBack && lease.work == Work::Subject);
    let after = record(&ledger, end(&lease, Delta::default(), RecordEnd::Done)).await;
    assert_eq!(ended_as(&after), Some(State::Succeeded));
    both(&ledger.job(id).await.unwrap().unwrap().stores, "erased", 3);
    adds_up(&ledger, 0).await;
}

async fn a_release_keeps_the_expectation(test: TestLedger) {
    let ledger = &test.ledger;
    let id = planned(ledger, subject_job(1), None, &range()).await;
    test.run(format!("UPDATE jobs SET expect = '{}'", "0".repeat(32))).await;
    let lease = released(ledger, "case-77", id).await;
    assert_eq!(lease.kind, Kind::Erase, "there is no plan to compare");
    assert_eq!(work(ledger, &lease, failed("memory-2")).await, Some(State::Failed));
    let retried = ledger.retry(id, &tester()).await.unwrap();
    assert_eq!(retried, RetryOutcome::Expects, "a new plan may find newer memories");
}

/// Returns a job by query.
fn query_job() -> NewJob {
    let plan = NewPartition {
        kind: Kind::Plan,
        work: Work::Query,
        remaining: 0,
        ..ids(0)
    };
    NewJob {
        query: Some(Filter::All),
        ..new_job(vec![plan])
    }
}

async fn a_query_keeps_its_snapshot(TestLedger { ledger, _dir, .. }: TestLedger) {
    let snapshot = Snapshot::CreatedAt("until then".to_owned());
    let id = planned(&ledger, query_job(), Some(snapshot), &range()).await;
    let lease = released(&ledger, "case-77", id).await;
    assert_eq!(lease.snapshot.as_deref(), Some("until then"));
    let job = ledger.job(id).await.unwrap().unwrap();
    assert_eq!(job.snapshot.as_deref(), Some("created_at"));
    assert_eq!(work(&ledger, &lease, erased(1)).await, Some(State::Succeeded));
}

async fn points_are_asked_for_by_their_own_ids(TestLedger { ledger, _dir, .. }: TestLedger) {
    let points = ["memory-0", "memory-1", "memory-2"].map(str::to_owned);
    let part = NewPartition {
        work: Work::Listed(points.into()),
        ..ids(3)
    };
    let id = planned(&ledger, query_job(), Some(Snapshot::Plan), &part).await;
    let lease = released(&ledger, "case-77", id).await;
    assert!(lease.work == Work::Listed(["memory-2".to_owned()].into()));
    assert_eq!(work(&ledger, &lease, erased(1)).await, Some(State::Succeeded));
}

async fn long_lists_are_cut(TestLedger { ledger, _dir, .. }: TestLedger) {
    const MANY: usize = 2_500;
    put(&ledger, &hold("case-77")).await;
    let read = revision(&ledger, "case-77").await.unwrap();
    let id = accept(&ledger, new_job(vec![ids(MANY)])).await;
    let all: Vec<String> = (0..MANY).map(|n| format!("memory-{n}")).collect();
    let all: Vec<&str> = all.iter().map(String::as_str).collect();
    let lease = claim_one(&ledger).await;
    let ended = work(&ledger, &lease, kept(0, &all, ("case-77", read))).await;
    assert_eq!(ended, Some(State::Held));
    release(&ledger, "case-77").await;
    assert_eq!(settle(&ledger).await, [id]);

    let leases = claim(&ledger).await;
    let mut sizes: Vec<u64> = leases.iter().map(|lease| lease.remaining).collect();
    sizes.sort_unstable();
    assert_eq!(sizes, [500, 1_000, 1_000]);
    let asked = leases.iter().flat_map(listed).collect::<BTreeSet<_>>();
    assert_eq!(asked, all.into_iter().collect());
    adds_up(&ledger, MANY as u64).await;
    let mut last = None;
    for lease in &leases {
        last = work(&ledger, lease, erased(lease.remaining)).await;
    }
    assert_eq!(last, None, "the others are read back too");
    let (ids, ended) = read_back(&ledger).await;
    let own = leases.last().map_or(0, |lease| lease.remaining);
    assert_eq!(ids.len() as u64 + own, MANY as u64);
    assert_eq!(ended, Some(State::Succeeded));
    both(&ledger.job(id).await.unwrap().unwrap().stores, "erased", MANY as u64);
}

async fn memories_without_items_are_not_lost(test: TestLedger) {
    let ledger = &test.ledger;
    put(ledger, &hold("case-77")).await;
    let id = held(ledger, "case-77", new_job(vec![ids(3)])).await;
    test.run("DELETE FROM items").await;
    // The job reads its whole list back, and finds the memory.
    let lease = released(ledger, "case-77", id).await;
    assert!(listed(&lease).is_empty());
    record(ledger, end(&lease, Delta::default(), RecordEnd::Done)).await;
    let (ids, ended) = read_back(ledger).await;
    assert_eq!(ids, ["memory-0", "memory-1", "memory-2"]);
    assert_eq!(ended, Some(State::Succeeded));
}
