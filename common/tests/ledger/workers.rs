//! Workers that are gone: they report no more, did not stop in order, and were not replaced. Mappings that do not fit.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use lethe_common::ledger::{Ledger, WorkerReport};
use serde_json::{Value, json};

use crate::TestLedger;
use crate::support::route;

crate::on_both! {
    a_worker_that_falls_silent_is_gone_until_another_one_starts,
    a_worker_that_stops_in_order_is_not_gone,
    a_mapping_that_does_not_fit_is_seen_while_its_worker_reports,
}

/// The age of a last report from which a worker is silent.
const SILENT: Duration = Duration::from_secs(15);

const MINUTE: i64 = 60_000;

async fn report(ledger: &Ledger, name: &str) {
    report_about(ledger, name, json!({})).await;
}

async fn report_about(ledger: &Ledger, name: &str, targets: Value) {
    let report = WorkerReport {
        name: name.to_owned(),
        version: "1",
        slots: 1,
        routes: vec![route()],
        siblings: Vec::new(),
        targets,
        claimed: false,
    };
    ledger.report_worker(&report).await.unwrap();
}

/// Returns the number of gone workers, and that of mappings that a worker serves.
async fn seen(ledger: &Ledger) -> (u64, usize) {
    let seen = ledger.seen_workers(SILENT).await.unwrap();
    (seen.gone, seen.routes.len())
}

async fn a_worker_that_falls_silent_is_gone_until_another_one_starts(test: TestLedger) {
    let ledger = &test.ledger;
    for name in ["stays", "killed"] {
        report(ledger, name).await;
    }
    assert_eq!(seen(ledger).await, (0, 1));
    test.pass(MINUTE).await;
    report(ledger, "stays").await;
    assert_eq!(seen(ledger).await, (1, 1));
    // Each start replaces one.
    report(ledger, "new").await;
    assert_eq!(seen(ledger).await, (0, 1));
    test.pass(MINUTE).await;
    assert_eq!(seen(ledger).await, (2, 0));
    // An hour later, nobody expects them any more.
    test.pass(60 * MINUTE).await;
    assert_eq!(seen(ledger).await, (0, 0));
}

async fn a_worker_that_stops_in_order_is_not_gone(test: TestLedger) {
    let ledger = &test.ledger;
    for name in ["stays", "stopped"] {
        report(ledger, name).await;
    }
    ledger.forget_worker("stopped").await.unwrap();
    test.pass(MINUTE).await;
    report(ledger, "stays").await;
    assert_eq!(seen(ledger).await, (0, 1));
}

async fn a_mapping_that_does_not_fit_is_seen_while_its_worker_reports(test: TestLedger) {
    let ledger = &test.ledger;
    let unfit = async || ledger.seen_workers(SILENT).await.unwrap().unfit;
    let fault = |table: &str| json!({"table": table, "fault": "the column `id` is missing"});
    let ill = json!({"main": {"faults": [fault("notes"), fault("notes")]}, "well": {"faults": []}});
    report_about(ledger, "one", ill).await;
    report_about(ledger, "two", json!({"main": {"faults": [fault("facts")]}})).await;
    let tables = ["facts", "notes"].map(str::to_owned);
    assert_eq!(
        unfit().await,
        BTreeMap::from([("main".to_owned(), BTreeSet::from(tables))])
    );
    report(ledger, "one").await;
    let tables = ["facts"].map(str::to_owned);
    assert_eq!(
        unfit().await,
        BTreeMap::from([("main".to_owned(), BTreeSet::from(tables))])
    );
    test.pass(MINUTE).await;
    assert_eq!(unfit().await, BTreeMap::new());
}
