//! Batches that an attempt began and did not record: the next one finishes them.

use lethe_common::error_code::ErrorCode;
use lethe_common::job::Outcome;
use lethe_common::ledger::{Delta, Kind, Lease, LeaseCheck, Ledger, NewPartition, Record, RecordEnd, Release, Work};
use lethe_common::state::State;

use super::{adds_up, both, met, plan, read_back, retry, step};
use crate::support::new_job;
use crate::{TestLedger, accept, claim, claim_one, end, erased, ids, record, state, subject_job};

crate::on_both! {
    a_batch_that_had_begun_is_finished_by_the_next_attempt,
    a_batch_that_had_begun_is_finished_where_nothing_was_settled_before,
    a_batch_that_had_begun_is_finished_beside_a_new_plan,
}

async fn a_batch_that_had_begun_is_finished_by_the_next_attempt(TestLedger { ledger, _dir, .. }: TestLedger) {
    let id = accept(&ledger, new_job(vec![ids(4)])).await;
    let mut lease = claim_one(&ledger).await;
    step(&ledger, &mut lease, erased(1), 1, "one").await;
    let go = ledger.intend(&[(&lease, "begun".to_owned())]).await.unwrap();
    assert!(matches!(go[0], LeaseCheck::Proceed(_)));
    let failed = Record {
        progress: lease.progress.clone(),
        ..end(&lease, Delta::default(), RecordEnd::Failed(ErrorCode::Rejected))
    };
    record(&ledger, failed).await;
    assert_eq!(state(&ledger, id).await, State::Failed);
    retry(&ledger, id).await;
    let lease = claim_one(&ledger).await;
    assert_eq!(
        (lease.intent.as_deref(), lease.progress.as_deref()),
        (Some("begun"), Some("one"))
    );
    // A recorded batch has no intent any more.
    let refused = Record {
        remaining: 2,
        ..end(
            &lease,
            met(&[("memory-1", Outcome::Failed, Outcome::Erased)]),
            RecordEnd::Failed(ErrorCode::Constraint),
        )
    };
    record(&ledger, refused).await;
    retry(&ledger, id).await;
    assert!(claim(&ledger).await.iter().all(|lease| lease.intent.is_none()));
}

/// Begins a batch, and fails before it is recorded.
async fn begin_and_fail(ledger: &Ledger, lease: &Lease) {
    let go = ledger.intend(&[(lease, "begun".to_owned())]).await.unwrap();
    assert!(matches!(go[0], LeaseCheck::Proceed(_)));
    let failed = Record {
        progress: lease.progress.clone(),
        ..end(lease, Delta::default(), RecordEnd::Failed(ErrorCode::Rejected))
    };
    record(ledger, failed).await;
}

async fn a_batch_that_had_begun_is_finished_where_nothing_was_settled_before(test: TestLedger) {
    let ledger = &test.ledger;
    let id = accept(ledger, new_job(vec![ids(4)])).await;
    let mut lease = claim_one(ledger).await;
    let conflict = met(&[("memory-0", Outcome::Conflicted, Outcome::Conflicted)]);
    step(ledger, &mut lease, conflict, 1, "one").await;
    begin_and_fail(ledger, &lease).await;
    assert_eq!(state(ledger, id).await, State::Failed);

    retry(ledger, id).await;
    let job = ledger.job(id).await.unwrap().unwrap();
    assert_eq!((job.selected, job.remaining), (4, 4));
    adds_up(ledger, 4).await;
    let mut leases = claim(ledger).await;
    leases.sort_by_key(|lease| lease.ordinal);
    let [list, alone] = leases.as_slice() else {
        panic!("the list, and the memory that is not settled")
    };
    assert_eq!(
        (list.intent.as_deref(), list.progress.as_deref(), list.remaining),
        (Some("begun"), Some("one"), 3)
    );
    assert!(alone.work == Work::Ids(["memory-0".to_owned()].into()));
    record(ledger, end(list, erased(3), RecordEnd::Done)).await;
    record(ledger, end(alone, erased(1), RecordEnd::Done)).await;
    assert_eq!(read_back(ledger).await, Some(State::Succeeded));
    both(&ledger.job(id).await.unwrap().unwrap().stores, &[("erased", 4)]);
    adds_up(ledger, 0).await;
}

async fn a_batch_that_had_begun_is_finished_beside_a_new_plan(test: TestLedger) {
    let ledger = &test.ledger;
    let id = accept(ledger, subject_job(1)).await;
    plan(ledger, &[5]).await;
    let mut lease = claim_one(ledger).await;
    step(ledger, &mut lease, erased(1), 1, "one").await;
    begin_and_fail(ledger, &lease).await;
    assert_eq!(state(ledger, id).await, State::Failed);

    retry(ledger, id).await;
    let begun = claim_one(ledger).await;
    assert_eq!((begun.kind, state(ledger, id).await), (Kind::Erase, State::Planning));
    assert!(begun.work == Work::Ids([].into()));
    assert_eq!(begun.intent.as_deref(), Some("begun"));
    assert!(claim(ledger).await.is_empty(), "what the batch deletes is not planned");
    // Nor is it planned while the stores are ill.
    let release = Release {
        fence: begun.fence(),
        delay_ms: 60_000,
        error: Some(ErrorCode::Timeout),
        charged: true,
        alone: true,
    };
    ledger.release(&[release]).await.unwrap();
    assert!(claim(ledger).await.is_empty(), "the batch has not ended");
    test.run("UPDATE partitions SET due_at = due_at - 60000 WHERE state = 'due' AND kind = 'erase'")
        .await;
    let begun = claim_one(ledger).await;
    // The batch had two memories.
    let finished = Delta {
        selected: 2,
        ..erased(2)
    };
    record(ledger, end(&begun, finished, RecordEnd::Done)).await;
    let anew = claim_one(ledger).await;
    assert!(anew.kind == Kind::Plan && anew.intent.is_none());
    let range = NewPartition {
        work: Work::Range {
            after: None,
            through: None,
        },
        ..ids(2)
    };
    let delta = Delta {
        selected: 2,
        planned: vec![range],
        ..Delta::default()
    };
    record(ledger, end(&anew, delta, RecordEnd::Done)).await;
    let lease = claim_one(ledger).await;
    record(ledger, end(&lease, erased(2), RecordEnd::Done)).await;
    assert_eq!(read_back(ledger).await, Some(State::Succeeded));
    let job = ledger.job(id).await.unwrap().unwrap();
    both(&job.stores, &[("erased", 5)]);
    assert_eq!((job.selected, job.remaining), (5, 0));
    adds_up(ledger, 0).await;
}
