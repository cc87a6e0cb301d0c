//! Cancelling: batches that have begun are finished, the rest is left.

use lethe_common::error_code::ErrorCode;
use lethe_common::job::{JobId, Outcome, StoreKind};
use lethe_common::ledger::{
    After, AloneFirst, CancelOutcome, Claim, Delta, ExecutionOptions, ItemOutcome, Lapsed, LeaseCheck, NewJob, Record,
    RecordEnd, Release, RetryOutcome, SmallFirst,
};
use lethe_common::state::State;
use sqlx::Executor;

use crate::support::new_job;
use crate::{
    LEASE, TestLedger, accept, claim, claim_one, end, ended_as, erased, ids, on_postgres, record, route, state,
    subject_job, total,
};

crate::on_both! {
    cancelling_ends_what_has_not_begun_and_stops_the_rest,
    residue_that_is_found_after_a_cancellation_is_left,
    what_is_planned_after_a_cancellation_is_left,
    a_batch_that_has_begun_is_written_down_again_whatever_stops_others,
    what_is_given_back_after_a_cancellation_waits_for_nothing,
    a_record_says_that_the_job_is_being_cancelled,
    a_memory_that_changed_in_between_stops_a_job_that_says_so,
}

async fn cancelling_ends_what_has_not_begun_and_stops_the_rest(TestLedger { ledger, _dir, .. }: TestLedger) {
    let id = accept(&ledger, new_job(vec![ids(5), ids(7)])).await;
    let routes = [route()];
    let order = Claim {
        worker: "w",
        routes: &routes,
        small: 0,
        alone: 1,
        lapsed: Lapsed::Counts,
        siblings: 0,
        small_first: SmallFirst::OfFew,
        alone_first: AloneFirst::Lightest,
    };
    let lease = ledger.claim(&order).await.unwrap().leases.remove(0);
    assert_eq!(
        ledger.cancel(id, &crate::tester()).await.unwrap(),
        CancelOutcome::Accepted
    );
    assert_eq!(state(&ledger, id).await, State::Cancelling);
    assert!(claim(&ledger).await.is_empty(), "what had not begun has ended");
    assert!(matches!(
        ledger.intend(&[(&lease, String::new())]).await.unwrap()[0],
        LeaseCheck::Cancel(_)
    ));
    let after = record(&ledger, end(&lease, Delta::default(), RecordEnd::Cancelled)).await;
    assert_eq!(ended_as(&after), Some(State::Cancelled));
    assert_eq!(
        ledger.cancel(id, &crate::tester()).await.unwrap(),
        CancelOutcome::Ended(State::Cancelled)
    );
    assert_eq!(
        ledger.cancel(JobId::new(), &crate::tester()).await.unwrap(),
        CancelOutcome::Unknown
    );
    let job = ledger.job(id).await.unwrap().unwrap();
    assert!(job.stores.iter().all(|store| store.counts["left"] == 12));
    let queued = accept(&ledger, new_job(vec![ids(1)])).await;
    ledger.cancel(queued, &crate::tester()).await.unwrap();
    assert_eq!(
        state(&ledger, queued).await,
        State::Cancelled,
        "nothing of it had begun"
    );
}

async fn residue_that_is_found_after_a_cancellation_is_left(TestLedger { ledger, _dir, .. }: TestLedger) {
    let id = accept(&ledger, new_job(vec![ids(3)])).await;
    let lease = claim_one(&ledger).await;
    let After::ReadBack { lease, .. } = record(&ledger, end(&lease, erased(3), RecordEnd::Done)).await else {
        panic!("it is read back by its worker")
    };
    ledger.cancel(id, &crate::tester()).await.unwrap();
    let residue = RecordEnd::Residue { n: 2, progress: None };
    let after = record(&ledger, end(&lease, Delta::default(), residue)).await;
    assert_eq!(ended_as(&after), Some(State::Cancelled));
    let job = ledger.job(id).await.unwrap().unwrap();
    assert_eq!(
        (job.selected, job.remaining),
        (5, 0),
        "nothing waits in a job that has ended"
    );
    assert!(
        job.stores
            .iter()
            .all(|store| store.counts["erased"] == 3 && store.counts["left"] == 2)
    );
    assert_eq!(total(&ledger, "selected", "").await, 5);
    assert_eq!(total(&ledger, "memories", "left").await, 2);
}

async fn what_is_planned_after_a_cancellation_is_left(TestLedger { ledger, _dir, .. }: TestLedger) {
    let id = accept(&ledger, subject_job(1)).await;
    let lease = claim_one(&ledger).await;
    ledger.cancel(id, &crate::tester()).await.unwrap();
    let delta = Delta {
        selected: 5,
        planned: vec![ids(5)],
        ..Delta::default()
    };
    record(&ledger, end(&lease, delta, RecordEnd::Done)).await;
    let job = ledger.job(id).await.unwrap().unwrap();
    assert_eq!((job.state, job.selected, job.remaining), (State::Cancelled, 5, 0));
    assert!(job.stores.iter().all(|store| store.counts["left"] == 5));
    assert_eq!(total(&ledger, "selected", "").await, 5);
}

async fn a_batch_that_has_begun_is_written_down_again_whatever_stops_others(
    TestLedger { ledger, _dir, .. }: TestLedger,
) {
    let id = accept(&ledger, new_job(vec![ids(3)])).await;
    let lease = claim_one(&ledger).await;
    let intend = async |text: &str| ledger.intend(&[(&lease, text.to_owned())]).await.unwrap()[0];
    assert!(matches!(intend("first").await, LeaseCheck::Proceed(_)));
    ledger.pause(None, &crate::tester()).await.unwrap();
    assert!(matches!(intend("paused").await, LeaseCheck::Proceed(_)));
    ledger.cancel(id, &crate::tester()).await.unwrap();
    assert!(matches!(intend("cancelling").await, LeaseCheck::Proceed(_)));
    ledger.resume(None, &crate::tester()).await.unwrap();
    ledger
        .release(&[Release {
            fence: lease.fence(),
            delay_ms: 0,
            error: Some(ErrorCode::Kept),
            charged: true,
            alone: true,
        }])
        .await
        .unwrap();
    let again = claim_one(&ledger).await;
    assert_eq!(again.intent.as_deref(), Some("cancelling"), "its rounds are counted");
    let after = record(&ledger, end(&again, erased(3), RecordEnd::Done)).await;
    assert_eq!(ended_as(&after), Some(State::Cancelled));
}

async fn what_is_given_back_after_a_cancellation_waits_for_nothing(TestLedger { ledger, _dir, .. }: TestLedger) {
    for begun in [false, true] {
        let id = accept(&ledger, new_job(vec![ids(3)])).await;
        let lease = claim_one(&ledger).await;
        if begun {
            ledger.intend(&[(&lease, "begun".to_owned())]).await.unwrap();
        }
        ledger.cancel(id, &crate::tester()).await.unwrap();
        let release = Release {
            fence: lease.fence(),
            delay_ms: 3_600_000,
            error: None,
            charged: false,
            alone: false,
        };
        ledger.release(&[release]).await.unwrap();
        assert!(claim(&ledger).await.is_empty());
        let job = ledger.job(id).await.unwrap().unwrap();
        if begun {
            assert_eq!(
                (job.state, job.remaining),
                (State::Cancelling, 3),
                "its stores may be ill"
            );
        } else {
            // No worker might ever claim it, behind a breaker or a pause.
            assert_eq!((job.state, job.remaining), (State::Cancelled, 0));
            assert!(job.stores.iter().all(|store| store.counts["left"] == 3), "{job:?}");
            assert_eq!(total(&ledger, "memories", "left").await, 3);
            assert_eq!(total(&ledger, "ended", "cancelled").await, 1);
        }
    }
}

async fn a_record_says_that_the_job_is_being_cancelled(TestLedger { ledger, _dir, .. }: TestLedger) {
    accept(&ledger, new_job(vec![ids(3)])).await;
    let mut lease = claim_one(&ledger).await;
    for asked in [false, true] {
        if asked {
            ledger.cancel(lease.job.id, &crate::tester()).await.unwrap();
        }
        let record_of = Record {
            lease: &lease,
            delta: erased(1),
            progress: None,
            remaining: lease.remaining - 1,
            end: None,
        };
        let After::Continue {
            until,
            cancelling,
            per_second,
        } = record(&ledger, record_of).await
        else {
            panic!("the partition goes on")
        };
        assert_eq!(cancelling, asked);
        lease.goes_on(until, cancelling, per_second);
        lease.remaining -= 1;
    }
    assert!(lease.job.cancelling);
}

/// A claim locks partitions and then their jobs. A cancellation locks a job and then its partitions: if it waited for
/// them, the two would deadlock.
#[tokio::test]
async fn cancelling_does_not_wait_for_what_is_being_claimed() {
    let test = on_postgres(LEASE).await;
    let id = accept(&test.ledger, new_job(vec![ids(2), ids(3)])).await;
    let pool = sqlx::AnyPool::connect(&test.url).await.unwrap();
    let mut claiming = pool.acquire().await.unwrap();
    claiming
        .execute("BEGIN; SELECT ordinal FROM partitions WHERE ordinal = 0 FOR UPDATE")
        .await
        .unwrap();
    assert_eq!(
        test.ledger.cancel(id, &crate::tester()).await.unwrap(),
        CancelOutcome::Accepted
    );
    claiming.execute("ROLLBACK").await.unwrap();
    let lease = claim_one(&test.ledger).await;
    assert!(lease.job.cancelling && lease.ordinal == 0);
    let after = record(&test.ledger, end(&lease, Delta::default(), RecordEnd::Cancelled)).await;
    assert_eq!(ended_as(&after), Some(State::Cancelled));
    let job = test.ledger.job(id).await.unwrap().unwrap();
    assert!(job.stores.iter().all(|store| store.counts["left"] == 5));
}

async fn a_memory_that_changed_in_between_stops_a_job_that_says_so(TestLedger { ledger, _dir, .. }: TestLedger) {
    for aborts in [true, false] {
        let execution = ExecutionOptions {
            aborts,
            ..ExecutionOptions::default()
        };
        let id = accept(
            &ledger,
            NewJob {
                execution,
                ..new_job(vec![ids(5), ids(7)])
            },
        )
        .await;
        let routes = [route()];
        let order = Claim {
            worker: "w",
            routes: &routes,
            small: 0,
            alone: 1,
            lapsed: Lapsed::Counts,
            siblings: 0,
            small_first: SmallFirst::OfFew,
            alone_first: AloneFirst::Lightest,
        };
        let mut lease = ledger.claim(&order).await.unwrap().leases.remove(0);
        let mut delta = Delta::default();
        for store in [StoreKind::Sql, StoreKind::Vector] {
            delta.count(store, Outcome::Erased, 1);
            delta.count(store, Outcome::Conflicted, 1);
        }
        delta.items.push(ItemOutcome {
            id: "memory-1".to_owned(),
            store: StoreKind::Sql,
            outcome: Some(Outcome::Conflicted),
            code: None,
        });
        let remaining = lease.remaining - 2;
        let step = Record {
            lease: &lease,
            delta,
            progress: None,
            remaining,
            end: None,
        };
        let After::Continue {
            until,
            cancelling,
            per_second,
        } = record(&ledger, step).await
        else {
            panic!("it goes on")
        };
        assert_eq!(cancelling, aborts, "begin nothing more");
        lease.goes_on(until, cancelling, per_second);
        lease.remaining = remaining;
        if !aborts {
            assert_eq!(state(&ledger, id).await, State::Running);
            ledger.cancel(id, &crate::tester()).await.unwrap();
        }
        assert!(claim(&ledger).await.is_empty(), "what had not begun has ended");
        let rest = Record {
            remaining,
            ..end(&lease, Delta::default(), RecordEnd::Cancelled)
        };
        let after = record(&ledger, rest).await;
        let (ends, code) = if aborts {
            (State::Failed, Some("conflict"))
        } else {
            (State::Cancelled, None)
        };
        assert_eq!(ended_as(&after), Some(ends));
        let job = ledger.job(id).await.unwrap().unwrap();
        assert_eq!(job.error_code.as_deref(), code);
        for store in &job.stores {
            assert_eq!(
                (store.counts["erased"], store.counts["conflicted"], store.counts["left"]),
                (1, 1, 10)
            );
        }
        if aborts {
            assert_eq!(
                ledger.retry(id, &crate::tester()).await.unwrap(),
                RetryOutcome::Accepted
            );
            let lease = ledger.claim(&order).await.unwrap().leases.remove(0);
            assert!(!lease.job.cancelling, "it is tried again");
            ledger.cancel(id, &crate::tester()).await.unwrap();
            record(&ledger, end(&lease, Delta::default(), RecordEnd::Cancelled)).await;
            assert_eq!(state(&ledger, id).await, State::Cancelled);
        }
    }
}
