//! Tables that cannot hold the demanded values, jobs that select nothing, and counts of deleted dependents.

use std::collections::BTreeMap;
use std::time::Duration;

use lethe_common::error_code::ErrorCode;
use lethe_common::job::StoreKind;
use lethe_common::ledger::{Delta, Kind, NewJob, NewPartition, RecordEnd, RetryOutcome, Warning, WarningCode, Work};
use lethe_common::state::State;

use crate::support::new_job;
use crate::{TestLedger, accept, claim, claim_one, end, erased, forget, ids, record, state, subject_job};

crate::on_both! {
    a_job_of_which_every_table_was_skipped_fails_and_touches_nothing,
    a_table_that_is_skipped_keeps_no_other_from_being_erased,
    a_preview_of_tables_that_are_all_skipped_fails,
    a_job_that_selected_nothing_says_so,
    what_dependents_lost_is_added_up_and_outlives_a_retry_and_the_ids,
    what_is_lenient_is_told_to_workers,
}

fn skipped() -> Delta {
    Delta {
        warning: Some(WarningCode::Mistyped),
        ..Delta::default()
    }
}

/// Returns the record of a plan that found so many rows in one range.
fn planned(n: usize) -> Delta {
    Delta {
        selected: i64::try_from(n).unwrap(),
        planned: vec![NewPartition {
            work: Work::Range {
                after: None,
                through: None,
            },
            ..ids(n)
        }],
        ..Delta::default()
    }
}

fn warnings(job: &lethe_common::ledger::JobView) -> Vec<WarningCode> {
    job.warnings.iter().map(|warning| warning.code).collect()
}

async fn a_job_of_which_every_table_was_skipped_fails_and_touches_nothing(TestLedger { ledger, _dir, .. }: TestLedger) {
    let id = accept(&ledger, subject_job(2)).await;
    let leases = claim(&ledger).await;
    for (lease, expected) in leases.iter().zip([State::Planning, State::Failed]) {
        record(&ledger, end(lease, skipped(), RecordEnd::Done)).await;
        assert_eq!(state(&ledger, id).await, expected);
    }
    let job = ledger.job(id).await.unwrap().unwrap();
    assert_eq!((job.error_code.as_deref(), job.selected), (Some("mistyped"), 0));
    assert_eq!(warnings(&job), [WarningCode::Mistyped]);
    assert!(claim(&ledger).await.is_empty());
    // An operator has changed the column.
    assert_eq!(
        ledger.retry(id, &crate::tester()).await.unwrap(),
        RetryOutcome::Accepted
    );
    for lease in claim(&ledger).await {
        record(&ledger, end(&lease, planned(0), RecordEnd::Done)).await;
    }
    assert_eq!(state(&ledger, id).await, State::Running);
}

async fn a_table_that_is_skipped_keeps_no_other_from_being_erased(TestLedger { ledger, _dir, .. }: TestLedger) {
    let id = accept(&ledger, subject_job(2)).await;
    let leases = claim(&ledger).await;
    record(&ledger, end(&leases[0], planned(3), RecordEnd::Done)).await;
    record(&ledger, end(&leases[1], skipped(), RecordEnd::Done)).await;
    let range = claim_one(&ledger).await;
    record(&ledger, end(&range, erased(3), RecordEnd::Done)).await;
    for lease in claim(&ledger).await {
        assert_eq!(lease.kind, Kind::ReadBack);
        record(&ledger, end(&lease, Delta::default(), RecordEnd::Done)).await;
    }
    let job = ledger.job(id).await.unwrap().unwrap();
    assert_eq!((job.state, job.selected), (State::Succeeded, 3));
    assert_eq!(warnings(&job), [WarningCode::Mistyped]);
}

async fn a_preview_of_tables_that_are_all_skipped_fails(TestLedger { ledger, _dir, .. }: TestLedger) {
    let preview = || {
        let mut job = subject_job(2);
        job.dry_run = true;
        for partition in &mut job.partitions {
            partition.kind = Kind::Preview;
        }
        job
    };
    for (second, expected) in [(skipped(), State::Failed), (Delta::default(), State::Succeeded)] {
        let id = accept(&ledger, preview()).await;
        let leases = claim(&ledger).await;
        record(&ledger, end(&leases[0], skipped(), RecordEnd::Done)).await;
        record(&ledger, end(&leases[1], second, RecordEnd::Done)).await;
        assert_eq!(state(&ledger, id).await, expected);
    }
}

async fn a_job_that_selected_nothing_says_so(TestLedger { ledger, _dir, .. }: TestLedger) {
    let nothing = Warning {
        code: WarningCode::NothingSelected,
        target: None,
        table: None,
    };
    for (n, expected) in [(0, vec![nothing]), (2, vec![])] {
        let id = accept(&ledger, subject_job(1)).await;
        let plan = claim_one(&ledger).await;
        record(&ledger, end(&plan, planned(n), RecordEnd::Done)).await;
        let range = claim_one(&ledger).await;
        record(&ledger, end(&range, erased(n as u64), RecordEnd::Done)).await;
        let read_back = claim_one(&ledger).await;
        record(&ledger, end(&read_back, Delta::default(), RecordEnd::Done)).await;
        let job = ledger.job(id).await.unwrap().unwrap();
        assert_eq!(job.state, State::Succeeded);
        assert_eq!(job.warnings.into_iter().collect::<Vec<_>>(), expected);
    }
}

async fn what_dependents_lost_is_added_up_and_outlives_a_retry_and_the_ids(
    TestLedger { ledger, _dir, .. }: TestLedger,
) {
    let id = accept(&ledger, new_job(vec![ids(2), ids(2)])).await;
    let took = |tables: &[(&str, u64)]| Delta {
        dependents: tables.iter().map(|(table, n)| ((*table).to_owned(), *n)).collect(),
        ..erased(2)
    };
    let dependents = async || {
        let job = ledger.job(id).await.unwrap().unwrap();
        let of = |store| {
            let found = job.stores.iter().find(|counts| counts.store == store);
            found.map(|counts| counts.dependents.clone()).unwrap_or_default()
        };
        assert_eq!(of(StoreKind::Vector), BTreeMap::new());
        of(StoreKind::Sql)
    };
    assert_eq!(dependents().await, BTreeMap::new());
    let leases = claim(&ledger).await;
    // Both are in one transaction, and the second one fails permanently.
    let records = [
        end(&leases[0], took(&[("chunks", 7), ("links", 1)]), RecordEnd::Done),
        end(
            &leases[1],
            took(&[("chunks", 5), ("none", 0)]),
            RecordEnd::Failed(ErrorCode::Rejected),
        ),
    ];
    ledger.record(&records).await.unwrap();
    let expected = BTreeMap::from([("chunks".to_owned(), 12), ("links".to_owned(), 1)]);
    assert_eq!(dependents().await, expected);
    // The answer was lost, and the record comes again: it counts once.
    ledger.record(&records).await.unwrap();
    assert_eq!(dependents().await, expected);

    assert_eq!(
        ledger.retry(id, &crate::tester()).await.unwrap(),
        RetryOutcome::Accepted
    );
    // The second attempt skips the partitions that the first one settled.
    let leases = claim(&ledger).await;
    assert_eq!(leases.len(), 1);
    let again = end(
        &leases[0],
        took(&[("links", 1)]),
        RecordEnd::Failed(ErrorCode::Rejected),
    );
    record(&ledger, again).await;
    let expected = BTreeMap::from([("chunks".to_owned(), 12), ("links".to_owned(), 2)]);
    assert_eq!(dependents().await, expected);
    forget(&ledger, Duration::ZERO, Duration::from_hours(1)).await;
    assert!(ledger.job(id).await.unwrap().unwrap().forgotten_at.is_some());
    assert_eq!(dependents().await, expected);
}

async fn what_is_lenient_is_told_to_workers(TestLedger { ledger, _dir, .. }: TestLedger) {
    for lenient in [false, true] {
        let mut job: NewJob = new_job(vec![ids(1)]);
        job.execution.lenient = lenient;
        accept(&ledger, job).await;
        assert_eq!(claim_one(&ledger).await.job.lenient, lenient);
    }
}
