//! Unreadable rows do not keep other jobs from ending.

use lethe_common::ledger::{Kind, NewJob, NewPartition, Route};
use lethe_common::state::State;
use serde_json::json;

use super::{MINUTE, error_code, give_up, put_back, report};
use crate::support::{new_job, route};
use crate::{TestLedger, accept, claim_one, ids, state};

crate::on_both! {
    an_unreadable_worker_counts_as_absent,
    an_unreadable_job_keeps_no_other_from_ending,
    a_job_of_which_an_unreadable_part_was_looked_at_ends,
}

async fn an_unreadable_worker_counts_as_absent(test: TestLedger) {
    let ledger = &test.ledger;
    let id = accept(ledger, new_job(vec![ids(1)])).await;
    test.pass(61 * MINUTE).await;
    report(ledger, vec![route()], json!({})).await;
    test.run("UPDATE workers SET routes = '?'").await;
    assert_eq!(give_up(ledger).await, [id]);
    assert_eq!(error_code(ledger, id).await.as_deref(), Some("unserved"));
}

async fn an_unreadable_job_keeps_no_other_from_ending(test: TestLedger) {
    let ledger = &test.ledger;
    let elsewhere = NewPartition {
        route: Route {
            target: "other".to_owned(),
            ..route()
        },
        ..ids(1)
    };
    let mut readable = Vec::new();
    let unreadable = accept(ledger, new_job(vec![ids(1)])).await;
    for partition in [ids(1), ids(1), elsewhere] {
        readable.push(accept(ledger, new_job(vec![partition])).await);
    }
    test.run(format!("UPDATE jobs SET expect = '?' WHERE id = '{unreadable}'"))
        .await;
    test.pass(61 * MINUTE).await;
    assert_eq!(give_up(ledger).await, readable);
    for id in readable {
        assert_eq!(state(ledger, id).await, State::Failed);
    }
    assert_eq!(ledger.backlog().await.unwrap(), 1);
    // The job ends after it can be read.
    test.run(format!("UPDATE jobs SET expect = NULL WHERE id = '{unreadable}'"))
        .await;
    test.pass(61 * MINUTE).await;
    assert_eq!(give_up(ledger).await, [unreadable]);
}

async fn a_job_of_which_an_unreadable_part_was_looked_at_ends(test: TestLedger) {
    let ledger = &test.ledger;
    let look = NewPartition {
        kind: Kind::Preview,
        ..ids(1)
    };
    let job = NewJob {
        dry_run: true,
        ..new_job(vec![look])
    };
    let id = accept(ledger, job).await;
    put_back(ledger, &claim_one(ledger).await, "timeout").await;
    test.run("UPDATE partitions SET found = '?'").await;
    test.pass(61 * MINUTE).await;
    assert_eq!(give_up(ledger).await, [id]);
    assert_eq!(state(ledger, id).await, State::Failed);
}
