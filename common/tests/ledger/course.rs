//! The course of a job: samples of the memories that it has accounted for.

use lethe_common::error_code::ErrorCode;
use lethe_common::job::JobId;
use lethe_common::ledger::{Delta, Ledger, RecordEnd, RetryOutcome};

use crate::support::new_job;
use crate::{TestLedger, accept, claim, end, erased, ids, record, tester};

crate::on_both! {
    records_add_samples_that_get_rarer,
    another_attempt_begins_a_course_of_its_own,
}

/// Returns the points of a job's course.
async fn points(ledger: &Ledger, id: JobId) -> Vec<(u64, u64)> {
    ledger.course(id).await.unwrap().expect("it has samples").points
}

/// Returns the numbers of memories of a job's course.
async fn numbers(ledger: &Ledger, id: JobId) -> Vec<u64> {
    points(ledger, id).await.into_iter().map(|(_, n)| n).collect()
}

async fn records_add_samples_that_get_rarer(test: TestLedger) {
    let ledger = &test.ledger;
    assert_eq!(ledger.course(JobId::new()).await.unwrap(), None);
    let id = accept(ledger, new_job(vec![ids(10), ids(10), ids(10)])).await;
    let leases = claim(ledger).await;
    let [first, second, third] = &leases[..] else {
        panic!("three partitions are due")
    };
    let done = |lease| record(ledger, end(lease, erased(10), RecordEnd::Done));
    assert_eq!(ledger.course(id).await.unwrap(), None, "it has done nothing yet");

    test.pass(5_000).await;
    done(first).await;
    let [sample, last, now] = points(ledger, id).await[..] else {
        panic!("one sample, the last record and now")
    };
    assert!(sample.0 >= 5_000 && sample.1 == 10, "{sample:?}");
    assert!(last.0 >= sample.0 && now.0 >= last.0, "{last:?} {now:?}");

    // A fortieth of 4,000 seconds is far more than 2 seconds.
    test.run("UPDATE jobs SET started_at = started_at - 4000000").await;
    test.pass(2_000).await;
    done(second).await;
    assert_eq!(numbers(ledger, id).await, [10, 20, 20]);
    test.pass(200_000).await;
    done(third).await;
    assert_eq!(numbers(ledger, id).await, [10, 30, 30, 30]);
}

async fn another_attempt_begins_a_course_of_its_own(test: TestLedger) {
    let ledger = &test.ledger;
    let id = accept(ledger, new_job(vec![ids(3), ids(3)])).await;
    let leases = claim(ledger).await;
    test.pass(5_000).await;
    record(ledger, end(&leases[0], erased(3), RecordEnd::Done)).await;
    let failed = RecordEnd::Failed(ErrorCode::Rejected);
    record(ledger, end(&leases[1], Delta::default(), failed)).await;
    assert_eq!(points(ledger, id).await[0].1, 3);

    let again = ledger.retry(id, &tester()).await.unwrap();
    assert_eq!(again, RetryOutcome::Accepted);
    assert_eq!(ledger.course(id).await.unwrap(), None);
    let leases = claim(ledger).await;
    test.pass(5_000).await;
    record(ledger, end(&leases[0], erased(3), RecordEnd::Done)).await;
    assert_eq!(
        points(ledger, id).await[0].1,
        3,
        "memories of the first attempt are not counted again"
    );
}
