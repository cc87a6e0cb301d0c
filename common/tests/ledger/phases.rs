//! The phases of jobs: plan, erase, read-back, and further rounds.

use lethe_common::error_code::ErrorCode;
use lethe_common::job::{Outcome, StoreKind};
use lethe_common::ledger::{After, Delta, Kind, NewJob, NewPartition, RecordEnd, RetryOutcome, Work};
use lethe_common::state::State;

use crate::support::new_job;
use crate::{TestLedger, accept, claim, claim_one, end, ended_as, erased, finish, ids, record, state, subject_job};

crate::on_both! {
    residue_starts_rounds_until_there_are_none_left,
    a_failed_partition_fails_its_job_and_its_rest_counts_as_failed,
    a_retry_begins_with_what_is_left,
    a_plan_beyond_its_limit_touches_nothing,
    only_a_job_with_one_partition_says_which_version_it_erased,
    a_job_of_one_partition_ends_with_it_if_it_was_read_back_before,
    a_job_of_several_is_read_back_whatever_was_read_back_before,
}

async fn a_job_of_one_partition_ends_with_it_if_it_was_read_back_before(TestLedger { ledger, _dir, .. }: TestLedger) {
    let gone = async |delta: Delta| {
        let id = accept(&ledger, new_job(vec![ids(3)])).await;
        let lease = claim_one(&ledger).await;
        assert!(lease.job.is_single);
        (id, record(&ledger, end(&lease, delta, RecordEnd::Gone)).await)
    };
    let (id, after) = gone(erased(3)).await;
    assert_eq!(ended_as(&after), Some(State::Succeeded));
    let job = ledger.job(id).await.unwrap().unwrap();
    assert_eq!((job.selected, job.remaining), (3, 0));
    assert!(job.stores.iter().all(|store| store.counts["erased"] == 3), "{job:?}");

    // Outcomes that forbid success still do so.
    let mut unverifiable = Delta::default();
    unverifiable.count(StoreKind::Sql, Outcome::Absent, 3);
    unverifiable.count(StoreKind::Vector, Outcome::Unverifiable, 3);
    let (_, after) = gone(unverifiable).await;
    let After::ReadBack { lease, .. } = after else {
        panic!("{after:?}")
    };
    let after = record(&ledger, end(&lease, Delta::default(), RecordEnd::Done)).await;
    assert_eq!(ended_as(&after), Some(State::Failed));

    let id = accept(&ledger, new_job(vec![ids(3)])).await;
    let lease = claim_one(&ledger).await;
    ledger.cancel(id, &crate::tester()).await.unwrap();
    let after = record(&ledger, end(&lease, erased(3), RecordEnd::Gone)).await;
    assert_eq!(ended_as(&after), Some(State::Cancelled));
}

async fn a_job_of_several_is_read_back_whatever_was_read_back_before(TestLedger { ledger, _dir, .. }: TestLedger) {
    let id = accept(&ledger, new_job(vec![ids(3), ids(3)])).await;
    let leases = claim(&ledger).await;
    assert!(leases.iter().all(|lease| !lease.job.is_single));
    let first = record(&ledger, end(&leases[0], erased(3), RecordEnd::Gone)).await;
    assert!(matches!(first, After::Ended { due: false }), "{first:?}");
    let last = record(&ledger, end(&leases[1], erased(3), RecordEnd::Gone)).await;
    assert!(matches!(last, After::ReadBack { others: true, .. }), "{last:?}");
    assert_eq!(state(&ledger, id).await, State::Verifying);
}

async fn residue_starts_rounds_until_there_are_none_left(TestLedger { ledger, _dir, .. }: TestLedger) {
    let id = accept(&ledger, new_job(vec![ids(5), ids(5)])).await;
    let mut rounds = 0;
    loop {
        let mut ended = None;
        let mut queue = claim(&ledger).await;
        assert!(!queue.is_empty(), "a job that has not ended has work");
        while let Some(lease) = queue.pop() {
            let after = if lease.kind == Kind::ReadBack {
                let residue = RecordEnd::Residue {
                    n: 2,
                    progress: Some("two of them".to_owned()),
                };
                record(&ledger, end(&lease, Delta::default(), residue)).await
            } else {
                assert_eq!(lease.progress.is_some(), rounds > 0);
                record(&ledger, end(&lease, erased(lease.remaining), RecordEnd::Done)).await
            };
            match after {
                After::ReadBack { lease, .. } => queue.push(*lease),
                After::JobEnded { state, .. } => ended = Some(state),
                _ => {}
            }
        }
        if ended.is_some() {
            assert_eq!(ended, Some(State::Failed));
            break;
        }
        rounds = ledger.job(id).await.unwrap().unwrap().round;
    }
    let job = ledger.job(id).await.unwrap().unwrap();
    assert_eq!((job.round, job.error_code.as_deref()), (2, Some("residue")));
    // Ten at first, four in each of two rounds, four that stayed.
    assert_eq!(job.selected, 22);
    assert!(
        job.stores
            .iter()
            .all(|store| store.counts["erased"] == 18 && store.counts["failed"] == 4),
        "{job:?}"
    );
}

async fn a_failed_partition_fails_its_job_and_its_rest_counts_as_failed(TestLedger { ledger, _dir, .. }: TestLedger) {
    let id = accept(&ledger, new_job(vec![ids(5), ids(7)])).await;
    let leases = claim(&ledger).await;
    record(
        &ledger,
        end(&leases[0], Delta::default(), RecordEnd::Failed(ErrorCode::Rejected)),
    )
    .await;
    let after = record(&ledger, end(&leases[1], erased(leases[1].remaining), RecordEnd::Done)).await;
    assert_eq!(ended_as(&after), Some(State::Failed));
    let job = ledger.job(id).await.unwrap().unwrap();
    assert_eq!(job.error_code.as_deref(), Some("rejected"));
    for store in &job.stores {
        assert_eq!(store.counts["failed"] + store.counts["erased"], job.selected);
    }
}

async fn a_retry_begins_with_what_is_left(TestLedger { ledger, _dir, .. }: TestLedger) {
    let id = accept(&ledger, new_job(vec![ids(5)])).await;
    assert_eq!(
        ledger.retry(id, &crate::tester()).await.unwrap(),
        RetryOutcome::NotEnded(State::Queued)
    );
    let lease = claim_one(&ledger).await;
    record(
        &ledger,
        end(&lease, Delta::default(), RecordEnd::Failed(ErrorCode::Rejected)),
    )
    .await;
    assert_eq!(
        ledger.retry(id, &crate::tester()).await.unwrap(),
        RetryOutcome::Accepted
    );
    let lease = claim_one(&ledger).await;
    assert_eq!((lease.remaining, lease.kind), (5, Kind::Erase));
    assert_eq!(ended_as(&finish(&ledger, &lease).await), Some(State::Succeeded));
    let job = ledger.job(id).await.unwrap().unwrap();
    assert_eq!((job.attempt, job.error_code), (2, None));
    assert_eq!(
        ledger.retry(id, &crate::tester()).await.unwrap(),
        RetryOutcome::NotEnded(State::Succeeded)
    );
}

async fn a_plan_beyond_its_limit_touches_nothing(TestLedger { ledger, _dir, .. }: TestLedger) {
    let job = NewJob {
        limit: Some(9),
        ..subject_job(2)
    };
    let id = accept(&ledger, job).await;
    let plans = claim(&ledger).await;
    assert_eq!((plans.len(), state(&ledger, id).await), (2, State::Planning));
    let planned = |lease| {
        let range = NewPartition {
            work: Work::Range {
                after: None,
                through: None,
            },
            ..ids(5)
        };
        let delta = Delta {
            selected: 5,
            planned: vec![range],
            ..Delta::default()
        };
        end(lease, delta, RecordEnd::Done)
    };
    assert!(matches!(
        record(&ledger, planned(&plans[0])).await,
        After::Ended { due: false }
    ));
    assert!(claim(&ledger).await.is_empty(), "half a plan is none");
    let after = record(&ledger, planned(&plans[1])).await;
    assert_eq!(ended_as(&after), Some(State::Failed));
    let job = ledger.job(id).await.unwrap().unwrap();
    assert_eq!((job.error_code.as_deref(), job.selected), (Some("limit_exceeded"), 10));
    assert!(job.stores.iter().all(|store| store.counts["left"] == 10) && claim(&ledger).await.is_empty());
}

async fn only_a_job_with_one_partition_says_which_version_it_erased(TestLedger { ledger, _dir, .. }: TestLedger) {
    for (partitions, said) in [(vec![ids(1)], Some(7)), (vec![ids(1), ids(1)], None)] {
        let id = accept(&ledger, new_job(partitions)).await;
        for lease in claim(&ledger).await {
            let delta = Delta {
                version_erased: Some(7),
                ..erased(1)
            };
            record(&ledger, end(&lease, delta, RecordEnd::Failed(ErrorCode::Rejected))).await;
        }
        assert_eq!(ledger.job(id).await.unwrap().unwrap().version_erased, said);
        ledger.retry(id, &crate::tester()).await.unwrap();
        // The next attempt keeps it.
        assert_eq!(ledger.job(id).await.unwrap().unwrap().version_erased, said);
        ledger.cancel(id, &crate::tester()).await.unwrap();
    }
}
