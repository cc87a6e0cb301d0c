//! The times for which nothing can be due: housekeeping does not ask the ledger meanwhile.

use std::time::Duration;

use lethe_common::ledger::{Forgot, Kept};
use sqlx::Executor as _;

use crate::support::new_job;
use crate::{LEASE, TestLedger, accept, claim_one, finish, ids, on_sqlite};

crate::on_both! {
    no_limit_can_pass_while_no_job_is_unfinished,
    a_step_says_when_the_next_retention_passes,
    a_clock_that_was_set_back_keeps_no_ids,
}

const HOUR: Duration = Duration::from_hours(1);

const KEPT: Kept = Kept {
    items: Duration::from_hours(2),
    jobs: Duration::from_hours(3),
    keys: Duration::from_hours(3),
    audit: Duration::from_hours(3),
    receipts: Duration::from_hours(3),
};

async fn no_limit_can_pass_while_no_job_is_unfinished(test: TestLedger) {
    let ledger = &test.ledger;
    let quiet = async || ledger.give_up().await.unwrap().quiet;
    assert_eq!(quiet().await, HOUR, "the limit of a job that is accepted now");
    accept(ledger, new_job(vec![ids(1)])).await;
    assert_eq!(quiet().await, Duration::ZERO);
    // The pause stops its clock, and may end at any time.
    ledger.pause(None, &crate::tester()).await.unwrap();
    assert_eq!(quiet().await, Duration::ZERO);
    ledger.resume(None, &crate::tester()).await.unwrap();
    finish(ledger, &claim_one(ledger).await).await;
    assert_eq!(quiet().await, HOUR);
}

async fn a_step_says_when_the_next_retention_passes(test: TestLedger) {
    let ledger = &test.ledger;
    let step = async || ledger.forget(KEPT).await.unwrap();
    let nothing = Forgot {
        more: false,
        quiet: HOUR * 2,
    };
    assert_eq!(step().await, nothing);
    let id = accept(ledger, new_job(vec![ids(1)])).await;
    finish(ledger, &claim_one(ledger).await).await;
    test.run("UPDATE jobs SET ended_at = ended_at - 5400000").await;
    let Forgot { more: false, quiet } = step().await else {
        panic!("nothing is due")
    };
    assert!(quiet > Duration::ZERO && quiet <= HOUR / 2, "{quiet:?}");

    // One step forgets the job, deletes its rows, and deletes the job.
    test.run("UPDATE jobs SET ended_at = ended_at - 5400000").await;
    let forgot = Forgot {
        more: false,
        quiet: Duration::ZERO,
    };
    assert_eq!(step().await, forgot);
    assert!(ledger.job(id).await.unwrap().is_none());
    assert_eq!(step().await, nothing);
}

async fn a_clock_that_was_set_back_keeps_no_ids(test: TestLedger) {
    let ledger = &test.ledger;
    accept(ledger, new_job(vec![ids(1)])).await;
    finish(ledger, &claim_one(ledger).await).await;
    // A step has forgotten the job, and its process ended before the next step. Then the clock was set back.
    test.run("UPDATE jobs SET ended_at = ended_at - 9000000, forgotten_at = ended_at + 3600000, summary = '[]'")
        .await;
    assert!(test.run("UPDATE partitions SET size = size").await > 0);
    assert_eq!(ledger.forget(KEPT).await.unwrap().quiet, Duration::ZERO);
    assert_eq!(test.run("DELETE FROM partitions").await, 0);
}

#[tokio::test]
async fn a_log_that_a_reader_blocks_is_emptied_soon() {
    let test = on_sqlite(LEASE).await;
    accept(&test.ledger, new_job(vec![ids(1)])).await;
    let pool = sqlx::AnyPool::connect(&test.url).await.unwrap();
    let mut reader = pool.acquire().await.unwrap();
    reader.execute("BEGIN").await.unwrap();
    reader.fetch_one("SELECT COUNT(*) FROM jobs").await.unwrap();
    assert_eq!(test.ledger.forget(KEPT).await.unwrap().quiet, Duration::ZERO);
    reader.execute("ROLLBACK").await.unwrap();
    assert_eq!(test.ledger.forget(KEPT).await.unwrap().quiet, KEPT.items);
}
