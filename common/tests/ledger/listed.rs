//! The ids that a job lists, for a request that repeats it.

use std::time::Duration;

use lethe_common::error_code::ErrorCode;
use lethe_common::job::JobId;
use lethe_common::ledger::{Delta, Ledger, NewJob, RecordEnd, RetryOutcome};

use crate::support::new_job;
use crate::{TestLedger, accept, claim, claim_one, end, erased, finish, forget, ids, record, subject_job, tester};

crate::on_both! {
    a_job_tells_its_first_ids_until_they_are_forgotten,
    a_retry_tells_the_ids_of_its_request_once,
    a_job_about_a_person_lists_no_ids,
}

/// Returns the number of ids that a job tells, and whether it has more.
async fn told(ledger: &Ledger, id: JobId, most: usize) -> (usize, bool) {
    let listed = ledger.first_ids(id, most).await.unwrap();
    (listed.ids.len(), listed.more)
}

async fn a_job_tells_its_first_ids_until_they_are_forgotten(TestLedger { ledger, _dir, .. }: TestLedger) {
    let job = NewJob {
        memory_kind: Some("note".to_owned()),
        ..new_job(vec![ids(3)])
    };
    let id = accept(&ledger, job).await;
    assert_eq!(told(&ledger, id, 2).await, (2, true));
    assert_eq!(told(&ledger, id, 3).await, (3, false));
    let listed = ledger.first_ids(id, 9).await.unwrap();
    assert_eq!(listed.ids, ["memory-0", "memory-1", "memory-2"]);
    assert_eq!(listed.memory_kind.as_deref(), Some("note"));

    let lease = claim_one(&ledger).await;
    finish(&ledger, &lease).await;
    assert_eq!(told(&ledger, id, 3).await, (3, false), "it has ended");
    forget(&ledger, Duration::ZERO, Duration::from_hours(1)).await;
    assert_eq!(told(&ledger, id, 3).await, (0, false));

    // Few ids in many partitions are not taken for all.
    let many = accept(&ledger, new_job(vec![ids(1); 6])).await;
    assert_eq!(told(&ledger, many, 100).await, (4, true));
}

async fn a_retry_tells_the_ids_of_its_request_once(TestLedger { ledger, _dir, .. }: TestLedger) {
    let id = accept(&ledger, new_job(vec![ids(3)])).await;
    let lease = claim_one(&ledger).await;
    let failed = RecordEnd::Failed(ErrorCode::Rejected);
    record(&ledger, end(&lease, Delta::default(), failed)).await;
    let again = ledger.retry(id, &tester()).await.unwrap();
    assert_eq!(again, RetryOutcome::Accepted);
    assert_eq!(told(&ledger, id, 9).await, (3, false));
    for lease in claim(&ledger).await {
        record(&ledger, end(&lease, erased(lease.remaining), RecordEnd::Done)).await;
    }
    assert_eq!(told(&ledger, id, 9).await, (3, false));
}

async fn a_job_about_a_person_lists_no_ids(TestLedger { ledger, _dir, .. }: TestLedger) {
    let id = accept(&ledger, subject_job(1)).await;
    assert_eq!(told(&ledger, id, 9).await, (0, false));
    assert_eq!(told(&ledger, JobId::new(), 9).await, (0, false));
}
