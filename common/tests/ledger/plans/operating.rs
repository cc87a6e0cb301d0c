//! Schedules, pauses, keys, workers and their mappings.

use std::collections::BTreeMap;
use std::time::Duration;

use lethe_common::config::{Bounds, PlaceKind, Sibling};
use lethe_common::job::JobId;
use lethe_common::ledger::{
    ExecutionOptions, KeyRecord, Ledger, NewJob, RetireOutcome, Rotated, Run, ScheduleRecord, WorkerReport,
};
use lethe_common::schedule::{Window, Windows};
use lethe_common::tlog::tile::TileId;
use serde_json::json;

use super::work::{one, work};
use super::{list, mapping};
use crate::schedules::{MISSED, schedule};
use crate::support::new_job;
use crate::{TestLedger, tester};

const HOUR: Duration = Duration::from_hours(1);

/// Returns a window that is always open.
fn open() -> Windows {
    let window = Window {
        days: None,
        from: "00:00".to_owned(),
        to: "24:00".to_owned(),
    };
    Windows::new("UTC", vec![window]).unwrap()
}

/// A schedule from its creation to its deletion: it fires once, is skipped, is refused, and gets other windows.
pub(super) async fn scheduled(test: &TestLedger) {
    let (ledger, mapping, name) = (&test.ledger, mapping(), JobId::new().to_string());
    let record = ScheduleRecord {
        name: name.clone(),
        ..schedule(None)
    };
    assert!(ledger.add_schedule(&record, &tester()).await.unwrap());
    assert_eq!(ledger.next_schedule().await.unwrap().wait, Some(0));
    assert_eq!(ledger.due_schedules(None, 10).await.unwrap().due.len(), 1);
    let job = || NewJob {
        execution: ExecutionOptions {
            schedule: Some(name.clone()),
            windows: Some(open()),
            ..ExecutionOptions::default()
        },
        ..new_job(vec![list(&mapping, 1)])
    };
    let stored = async || ledger.schedule(&name).await.unwrap().expect("it is stored");
    for (next, run) in [(1, Run::Fired), (2, Run::Skipped)] {
        let due = stored().await;
        assert_eq!(ledger.fire(&due, Some(MISSED + next), &job()).await.unwrap(), run);
    }
    let refused = ledger.refuse_run(&stored().await, Some(MISSED + 3), "why").await;
    assert_eq!(refused.unwrap(), Run::Refused);
    let lease = one(ledger, &mapping).await;
    assert!(!ledger.waits_for_window(&lease).await.unwrap());
    ledger.release_until_window(&lease).await.unwrap();
    let revision = stored().await.revision;
    assert!(ledger.replace_schedule(&record, &revision, &tester()).await.unwrap());
    assert!(ledger.pause_schedule(&name, true, &tester()).await.unwrap());
    assert!(ledger.remove_schedule(&name, &tester()).await.unwrap());
    work(ledger, &mapping).await;
}

/// A pause that is lifted.
pub(super) async fn paused(ledger: &Ledger) {
    ledger.pause(Some("main"), &tester()).await.unwrap();
    assert!(ledger.pauses().await.unwrap().targets.contains("main"));
    ledger.resume(Some("main"), &tester()).await.unwrap();
}

/// A key from its creation to its revocation, the first key, and a secret.
pub(super) async fn authenticated(test: &TestLedger) {
    let (ledger, name) = (&test.ledger, JobId::new().to_string());
    let key = |name: &str| KeyRecord {
        name: name.to_owned(),
        sha256: name.to_owned(),
        scopes: Vec::new(),
        bounds: Bounds::default(),
        expires_at: None,
    };
    ledger.add_first_key(&key("first"), &tester()).await.unwrap();
    assert!(ledger.add_key(&key(&name), &tester()).await.unwrap().is_some());
    assert!(ledger.key_by_hash(&name).await.unwrap().is_some());
    assert!(ledger.key_by_name(&name).await.unwrap().is_some());
    ledger.keys("", 10).await.unwrap();
    ledger.use_key(&name).await.unwrap();
    let other = JobId::new().to_string();
    let rotated = ledger.rotate_key(&name, &other, HOUR, None, &tester()).await;
    assert!(matches!(rotated.unwrap(), Rotated::Done(_)));
    assert!(ledger.remove_key(&name, &tester()).await.unwrap());
    assert_eq!(ledger.revoked_key(&other).await.unwrap(), Some(name));
    ledger.secret("secret", "00").await.unwrap();
}

/// A worker's mapping and reports, until its mapping is retired.
pub(super) async fn reported(test: &TestLedger) {
    let ledger = &test.ledger;
    let own = [Sibling {
        place: "p".to_owned(),
        kind: PlaceKind::Collection,
        target: "main".to_owned(),
        table: "memories".to_owned(),
        scope: BTreeMap::new(),
    }];
    let read = ledger.publish_siblings(&own, None).await.unwrap();
    let revision = read.expect("nothing was known").revision;
    let report = WorkerReport {
        name: "w".to_owned(),
        version: "1",
        slots: 1,
        routes: vec![mapping()],
        siblings: Vec::new(),
        targets: json!({}),
        claimed: true,
    };
    assert_eq!(ledger.report_worker(&report).await.unwrap(), revision);
    assert_eq!(ledger.publish_siblings(&own, Some(revision)).await.unwrap(), None);
    assert_eq!(ledger.workers(HOUR).await.unwrap().len(), 1);
    assert_eq!(ledger.seen_workers(HOUR).await.unwrap().routes.len(), 1);
    ledger.forget_worker("w").await.unwrap();
    let retired = ledger.retire_sibling("main", "memories", &tester()).await;
    assert_eq!(retired.unwrap(), RetireOutcome::Retired);
    // The claims of the other steps name the first revision.
    test.run("UPDATE revisions SET n = 0 WHERE name = 'siblings'").await;
}

/// Rounds of a sequencer until nothing waits, its keys, and the log's readers.
pub(super) async fn logged(ledger: &Ledger) {
    let lease = ledger.lead_log("w", HOUR).await.unwrap().expect("nobody leads");
    let keys = [("id".to_owned(), "key".to_owned())];
    assert!(ledger.publish_keys(&lease, &keys).await.unwrap());
    assert_eq!(ledger.signing_keys().await.unwrap().len(), 1);
    while ledger.log_waits().await.unwrap() {
        // An update of a receipt touches all of its indexes, so few at a time.
        let entries = crate::log::entries(ledger.unsequenced(3).await.unwrap());
        let is_last = entries.is_empty();
        if !is_last {
            assert!(ledger.sequence(&lease, &entries).await.unwrap().is_some());
        }
        let size = ledger.log_head().await.unwrap().size;
        assert!(ledger.sign_head(&lease, size, "a checkpoint").await.unwrap());
        // Receipts of jobs whose rows cannot be read stay.
        if is_last {
            break;
        }
    }
    ledger.leave_log(&lease).await.unwrap();
    let first = TileId {
        level: 0,
        n: 0,
        width: 1,
    };
    assert!(ledger.log_tile(first).await.unwrap().is_some());
    assert!(ledger.log_bundle(0, 1).await.unwrap().is_some());
    assert!(ledger.log_proof(0).await.unwrap().is_some());
    assert!(ledger.log_state().await.unwrap().entries > 0);
}
