//! The jobs that an act on all matching jobs can change.

use lethe_common::job::{JobId, Outcome, StoreKind};
use lethe_common::ledger::{Changeable, Delta, ItemOutcome, JobFilter, Ledger, RecordEnd, Whose};
use lethe_common::state::State;

use crate::support::new_job;
use crate::{TestLedger, accept, claim_one, end, ids, record, state, tester};

crate::on_both! {
    unfinished_jobs_that_are_not_being_cancelled_can_be_changed,
    failed_and_cancelled_jobs_can_be_repeated_by_their_state,
}

fn of(state: Option<State>) -> JobFilter {
    JobFilter {
        state,
        ..JobFilter::of(Whose::All, 10)
    }
}

async fn found(ledger: &Ledger, filter: JobFilter, changeable: Changeable, until: Option<i64>) -> Vec<JobId> {
    let page = ledger.matching(&filter, changeable, until).await.unwrap();
    page.jobs.into_iter().map(|job| job.id).collect()
}

async fn unfinished_jobs_that_are_not_being_cancelled_can_be_changed(test: TestLedger) {
    let ledger = &test.ledger;
    let begun = accept(ledger, new_job(vec![ids(1)])).await;
    let lease = claim_one(ledger).await;
    ledger.intend(&[(&lease, "{}".to_owned())]).await.unwrap();
    let ended = accept(ledger, new_job(vec![ids(1)])).await;
    ledger.cancel(ended, &tester()).await.unwrap();
    let waiting = accept(ledger, new_job(vec![ids(1)])).await;
    let all = Changeable::Unfinished;
    assert_eq!(found(ledger, of(None), all, None).await, [waiting, begun]);
    assert_eq!(found(ledger, of(Some(State::Queued)), all, None).await, [waiting]);
    let seen = ledger.matching(&of(None), all, None).await.unwrap();
    assert_eq!(found(ledger, of(None), all, Some(seen.until)).await.len(), 2);
    let accepted = ledger.job(waiting).await.unwrap().unwrap().accepted_at;
    test.run(format!(
        "UPDATE jobs SET accepted_at = {} WHERE id = '{begun}'",
        accepted - 10
    ))
    .await;
    assert_eq!(
        found(ledger, of(None), all, Some(accepted - 1)).await,
        [begun],
        "it came later"
    );

    ledger.cancel(begun, &tester()).await.unwrap();
    assert_eq!(state(ledger, begun).await, State::Cancelling);
    assert_eq!(found(ledger, of(None), all, None).await, [waiting]);
}

async fn failed_and_cancelled_jobs_can_be_repeated_by_their_state(test: TestLedger) {
    let ledger = &test.ledger;
    let failed = accept(ledger, new_job(vec![ids(1)])).await;
    let lease = claim_one(ledger).await;
    let mut delta = Delta::default();
    for store in [StoreKind::Sql, StoreKind::Vector] {
        delta.count(store, Outcome::Failed, 1);
    }
    delta.items.push(ItemOutcome {
        id: "memory-0".to_owned(),
        store: StoreKind::Sql,
        outcome: Some(Outcome::Failed),
        code: None,
    });
    record(ledger, end(&lease, delta, RecordEnd::Done)).await;
    assert_eq!(state(ledger, failed).await, State::Failed);
    let cancelled = accept(ledger, new_job(vec![ids(1)])).await;
    ledger.cancel(cancelled, &tester()).await.unwrap();
    let repeatable = Changeable::Repeatable;
    for (state, expected) in [
        (State::Failed, vec![failed]),
        (State::Cancelled, vec![cancelled]),
        (State::Succeeded, vec![]),
    ] {
        assert_eq!(
            found(ledger, of(Some(state)), repeatable, None).await,
            expected,
            "{state:?}"
        );
    }
    let ended = ledger.job(failed).await.unwrap().unwrap().ended_at.unwrap();
    let failed_before = found(ledger, of(Some(State::Failed)), repeatable, Some(ended - 1)).await;
    assert_eq!(failed_before, [], "it failed later");
    for column in ["forgotten_at = 1", "forgotten_at = NULL, expect = 'x'"] {
        test.run(format!("UPDATE jobs SET {column} WHERE id = '{failed}'"))
            .await;
        assert_eq!(
            found(ledger, of(Some(State::Failed)), repeatable, None).await,
            [],
            "{column}"
        );
    }
}
