//! Held jobs: only holds keep their memories. Each time a job becomes held it gets a receipt, and then it rests.

mod resting;

use lethe_common::error_code::ErrorCode;
use lethe_common::job::{JobId, Outcome, StoreKind};
use lethe_common::ledger::{
    After, CancelOutcome, Delta, HoldCount, ItemOutcome, Kind, Lease, Ledger, NewJob, NewPartition, ReceiptFilter,
    Record, RecordEnd, RetryOutcome, Wait, WaitReason, Whose,
};
use lethe_common::receipt::HoldGround;
use lethe_common::receipt::body::{Body, HeldBy, ReadBackResult};
use lethe_common::state::State;

use crate::support::new_job;
use crate::{TestLedger, accept, claim, claim_one, end, ended_as, erased, ids, record, state, tester, total};

crate::on_both! {
    a_job_is_held_once_it_is_read_back,
    a_record_that_says_gone_succeeds_only_without_held_memories,
    a_memory_that_fails_outranks_a_held_one,
    residue_comes_before_a_hold,
    each_job_of_a_group_goes_its_own_way,
    a_job_that_becomes_held_marks_the_holds_that_have_changed,
    a_held_job_may_be_cancelled_and_then_retried,
    a_dry_run_is_never_held,
}

/// Returns the results of a batch: erased memories, and those that holds keep.
fn kept(erases: u64, holds: &[(&str, u64)]) -> Delta {
    let mut delta = erased(erases);
    for (name, n) in holds {
        for store in [StoreKind::Sql, StoreKind::Vector] {
            delta.count(store, Outcome::Held, *n);
            delta.items.extend((0..*n).map(|one| ItemOutcome {
                id: format!("{name}-{one}"),
                store,
                outcome: Some(Outcome::Held),
                code: None,
            }));
        }
        delta.holds.push(HoldCount {
            hold: (*name).to_owned(),
            revision: 1,
            ground: HoldGround::Claims,
            n: *n,
        });
    }
    delta
}

/// Adds one memory with an outcome to the results.
fn with(mut delta: Delta, outcome: Outcome, code: Option<ErrorCode>) -> Delta {
    for store in [StoreKind::Sql, StoreKind::Vector] {
        delta.count(store, outcome, 1);
        delta.items.push(ItemOutcome {
            id: "another".to_owned(),
            store,
            outcome: Some(outcome),
            code,
        });
    }
    delta
}

/// Records a batch as done, and the read-back as free of residue. Returns the last answer.
async fn work(ledger: &Ledger, lease: &Lease, delta: Delta) -> After {
    match record(ledger, end(lease, delta, RecordEnd::Done)).await {
        After::ReadBack { lease, .. } => record(ledger, end(&lease, Delta::default(), RecordEnd::Done)).await,
        other => other,
    }
}

/// Makes a job of three memories held: a hold keeps one of them.
async fn held_job(ledger: &Ledger, job: NewJob) -> JobId {
    let id = accept(ledger, job).await;
    let lease = claim_one(ledger).await;
    let after = work(ledger, &lease, kept(2, &[("case-77", 1)])).await;
    assert_eq!(ended_as(&after), Some(State::Held));
    id
}

/// Returns the statements of a job's receipts that are not signed, the oldest first.
async fn statements(ledger: &Ledger, id: JobId) -> Vec<Body> {
    let pending = ledger.unsequenced(100).await.unwrap();
    let bodies = pending.receipts.iter();
    let bodies = bodies.map(|receipt| serde_json::from_str::<Body>(&receipt.body).unwrap());
    bodies.filter(|body| body.job.id == id).collect()
}

/// Returns the number of receipts of all jobs.
async fn receipts(ledger: &Ledger) -> usize {
    let filter = ReceiptFilter {
        whose: Whose::All,
        job: None,
        since: None,
        after: None,
        limit: 100,
    };
    ledger.receipts(&filter).await.unwrap().len()
}

async fn a_job_is_held_once_it_is_read_back(test: TestLedger) {
    let ledger = &test.ledger;
    let id = accept(ledger, new_job(vec![ids(4)])).await;
    let lease = claim_one(ledger).await;
    let delta = kept(1, &[("case-9", 1), ("case-77", 2)]);
    let after = record(ledger, end(&lease, delta, RecordEnd::Done)).await;
    let After::ReadBack { lease, .. } = after else {
        panic!("{after:?}")
    };
    assert_eq!((state(ledger, id).await, receipts(ledger).await), (State::Verifying, 0));
    assert!(!ledger.rests(id).await.unwrap());
    let after = record(ledger, end(&lease, Delta::default(), RecordEnd::Done)).await;
    assert_eq!(ended_as(&after), Some(State::Held));

    assert!(ledger.rests(id).await.unwrap());
    let job = ledger.job(id).await.unwrap().unwrap();
    assert_eq!((job.state, job.ended_at, job.remaining), (State::Held, None, 0));
    let held_at = job.held_at;
    assert!(held_at.is_some() && job.next_attempt_at.is_none() && job.error_code.is_none());
    assert_eq!(job.waits_for, Some(Wait::new(WaitReason::Hold, held_at, None)));
    assert!(
        job.stores
            .iter()
            .all(|store| store.counts["held"] == 3 && store.counts["erased"] == 1)
    );
    assert_eq!(total(ledger, "ended", "held").await, 0, "it has not ended");

    let body = statements(ledger, id).await.pop().unwrap();
    assert_eq!(
        (body.job.ending, body.status.lethe, body.status.drop),
        (1, State::Held, Some(2))
    );
    let by = |hold: &str, memories| HeldBy {
        hold: hold.to_owned(),
        ground: HoldGround::Claims,
        memories,
    };
    assert_eq!(body.held, [by("case-77", 2), by("case-9", 1)]);
    assert_eq!(body.read_back.result, ReadBackResult::NothingLeft);
    assert_eq!(Some(body.times.completed.millis()), held_at);
    assert_eq!(
        body.removal.logical,
        Some(body.times.completed),
        "the other one is gone"
    );
    assert_eq!(receipts(ledger).await, 1);
}

async fn a_record_that_says_gone_succeeds_only_without_held_memories(test: TestLedger) {
    let ledger = &test.ledger;
    accept(ledger, new_job(vec![ids(3)])).await;
    let mut lease = claim_one(ledger).await;
    let open = Record {
        lease: &lease,
        delta: kept(0, &[("case-77", 1)]),
        progress: Some("{}".to_owned()),
        remaining: 2,
        end: None,
    };
    let After::Continue {
        until,
        cancelling,
        per_second,
    } = record(ledger, open).await
    else {
        panic!("the partition goes on")
    };
    lease.goes_on(until, cancelling, per_second);
    lease.remaining = 2;
    let after = record(ledger, end(&lease, erased(2), RecordEnd::Gone)).await;
    let After::ReadBack { lease, .. } = after else {
        panic!("{after:?}")
    };
    let after = record(ledger, end(&lease, Delta::default(), RecordEnd::Done)).await;
    assert_eq!(ended_as(&after), Some(State::Held));

    // In the same record.
    let id = accept(ledger, new_job(vec![ids(1)])).await;
    let lease = claim_one(ledger).await;
    let after = record(ledger, end(&lease, kept(0, &[("case-77", 1)]), RecordEnd::Gone)).await;
    assert!(matches!(after, After::ReadBack { .. }), "{after:?}");
    assert_eq!(state(ledger, id).await, State::Verifying);
}

async fn a_memory_that_fails_outranks_a_held_one(test: TestLedger) {
    let ledger = &test.ledger;
    for (outcome, code, expected) in [
        (Outcome::Failed, Some(ErrorCode::Split), Some(State::Failed)),
        (Outcome::Unverifiable, None, Some(State::Failed)),
        (Outcome::Conflicted, None, Some(State::Held)),
        (Outcome::Absent, None, Some(State::Held)),
    ] {
        let id = accept(ledger, new_job(vec![ids(3)])).await;
        let lease = claim_one(ledger).await;
        let delta = with(kept(1, &[("case-77", 1)]), outcome, code);
        assert_eq!(ended_as(&work(ledger, &lease, delta).await), expected, "{outcome:?}");
        let body = statements(ledger, id).await.pop().unwrap();
        assert_eq!(
            body.held.len(),
            1,
            "{outcome:?}: the receipt names the hold in any case"
        );
        let is_all_gone = outcome == Outcome::Absent;
        assert_eq!(body.removal.logical.is_some(), is_all_gone, "{outcome:?}");
    }
}

async fn residue_comes_before_a_hold(test: TestLedger) {
    let ledger = &test.ledger;
    let id = accept(ledger, new_job(vec![ids(2)])).await;
    let lease = claim_one(ledger).await;
    let after = record(ledger, end(&lease, kept(1, &[("case-77", 1)]), RecordEnd::Done)).await;
    let After::ReadBack { lease, .. } = after else {
        panic!("{after:?}")
    };
    let residue = RecordEnd::Residue {
        n: 1,
        progress: Some("{}".to_owned()),
    };
    record(ledger, end(&lease, Delta::default(), residue)).await;
    assert_eq!(state(ledger, id).await, State::Running);
    let lease = claim_one(ledger).await;
    assert_eq!(ended_as(&work(ledger, &lease, erased(1)).await), Some(State::Held));
    assert_eq!(receipts(ledger).await, 1);
}

async fn each_job_of_a_group_goes_its_own_way(test: TestLedger) {
    let ledger = &test.ledger;
    for _ in 0..2 {
        accept(ledger, new_job(vec![ids(1)])).await;
    }
    let leases = claim(ledger).await;
    let [gone, kept_back] = leases.as_slice() else {
        panic!("two jobs")
    };
    let records = [
        end(gone, erased(1), RecordEnd::Gone),
        end(kept_back, kept(0, &[("case-77", 1)]), RecordEnd::Done),
    ];
    let answers = ledger.record(&records).await.unwrap();
    assert_eq!(ended_as(&answers[0]), Some(State::Succeeded));
    let After::ReadBack { lease, .. } = &answers[1] else {
        panic!("{answers:?}")
    };
    let after = record(ledger, end(lease, Delta::default(), RecordEnd::Done)).await;
    assert_eq!(ended_as(&after), Some(State::Held));
    assert_eq!(statements(ledger, gone.job.id).await[0].held, []);
    assert_eq!(receipts(ledger).await, 2);
}

async fn a_job_that_becomes_held_marks_the_holds_that_have_changed(test: TestLedger) {
    let ledger = &test.ledger;
    for (name, revision, released) in [
        ("released", 1, "1"),
        ("replaced", 2, "NULL"),
        ("as-it-was", 1, "NULL"),
        ("of-others", 2, "NULL"),
    ] {
        test.run(format!(
            "INSERT INTO holds (name, revision, kind, ground, principal, created_at, changed_at, released_at, settled)
             VALUES ('{name}', {revision}, 'everything', '17(3)(e)', 'tests', 1, 1, {released}, 1)"
        ))
        .await;
    }
    accept(ledger, new_job(vec![ids(4)])).await;
    let lease = claim_one(ledger).await;
    let delta = kept(1, &[("released", 1), ("replaced", 1), ("as-it-was", 1)]);
    let after = record(ledger, end(&lease, delta, RecordEnd::Done)).await;
    let After::ReadBack { lease, .. } = after else {
        panic!("{after:?}")
    };
    let settle = "UPDATE holds SET settled = 1 WHERE settled = 0";
    assert_eq!(test.run(settle).await, 0, "the job is not held yet");
    record(ledger, end(&lease, Delta::default(), RecordEnd::Done)).await;
    let changed = format!("{settle} AND name IN ('released', 'replaced')");
    assert_eq!(test.run(changed).await, 2);
    assert_eq!(
        test.run(settle).await,
        0,
        "the change of another one will ask for a look"
    );
}

async fn a_held_job_may_be_cancelled_and_then_retried(test: TestLedger) {
    let ledger = &test.ledger;
    let id = held_job(ledger, new_job(vec![ids(3)])).await;
    let retried = ledger.retry(id, &tester()).await.unwrap();
    assert_eq!(retried, RetryOutcome::NotEnded(State::Held));
    let cancelled = ledger.cancel(id, &tester()).await.unwrap();
    let CancelOutcome::Cancelled(cancelled) = cancelled else {
        panic!("{cancelled:?}")
    };
    assert_eq!(cancelled.state, State::Cancelled);
    let job = ledger.job(id).await.unwrap().unwrap();
    assert!(job.held_at.is_none() && job.ended_at.is_some());
    assert_eq!(total(ledger, "ended", "cancelled").await, 1);
    let bodies = statements(ledger, id).await;
    let states: Vec<State> = bodies.iter().map(|body| body.status.lethe).collect();
    assert_eq!(states, [State::Held, State::Cancelled]);
    assert_eq!(bodies[1].job.ending, 2);
    assert_eq!(bodies[1].held.len(), 1);

    assert_eq!(ledger.retry(id, &tester()).await.unwrap(), RetryOutcome::Accepted);
    let lease = claim_one(ledger).await;
    assert_eq!(lease.remaining, 1, "only the held memory is asked for again");
    work(ledger, &lease, erased(1)).await;
    // The first list reads it back.
    let lease = claim_one(ledger).await;
    assert_eq!(lease.kind, Kind::ReadBack);
    let after = record(ledger, end(&lease, Delta::default(), RecordEnd::Done)).await;
    assert_eq!(ended_as(&after), Some(State::Succeeded));
    assert_eq!(statements(ledger, id).await[2].held, []);
}

async fn a_dry_run_is_never_held(test: TestLedger) {
    let ledger = &test.ledger;
    let look = NewPartition {
        kind: Kind::Preview,
        ..ids(3)
    };
    let job = NewJob {
        dry_run: true,
        ..new_job(vec![look])
    };
    accept(ledger, job).await;
    let lease = claim_one(ledger).await;
    let mut delta = Delta::default();
    delta.count(StoreKind::Sql, Outcome::Held, 3);
    let after = record(ledger, end(&lease, delta, RecordEnd::Done)).await;
    assert_eq!(ended_as(&after), Some(State::Succeeded));
    assert_eq!(receipts(ledger).await, 0);
}
