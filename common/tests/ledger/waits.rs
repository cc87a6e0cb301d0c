//! The reason why a job does not move, with its times; and the error and the rate of a job that moves again.

use lethe_common::error_code::{ErrorCode, StoredCode};
use lethe_common::job::{JobId, StoreKind};
use lethe_common::ledger::{
    After, Delta, JobView, Ledger, NewJob, NewPartition, Record, RecordEnd, Release, Route, Wait, WaitReason,
    WorkerReport,
};
use serde_json::{Value, json};

use crate::support::new_job;
use crate::{TestLedger, accept, claim_of, claim_one, end, erased, ids, record, route, tester};

crate::on_both! {
    a_job_waits_for_a_worker_and_then_for_its_turn,
    a_job_waits_for_the_mapping_that_no_worker_has_or_that_does_not_fit,
    a_job_waits_for_its_start_and_for_the_end_of_a_pause,
    a_job_waits_for_a_store_that_all_of_its_workers_miss,
    a_trouble_from_before_the_last_progress_is_over,
    a_job_waits_for_its_pace_while_it_runs,
    a_job_over_two_targets_moves_while_one_of_them_is_ill,
    a_page_of_jobs_has_the_reason_of_each,
    an_error_goes_when_the_job_makes_progress_again,
    an_error_of_a_partition_that_failed_for_good_stays,
    the_rate_is_that_of_the_last_seconds,
    a_rate_near_0_makes_no_record_fail,
}

const SECOND: i64 = 1_000;

async fn seen(ledger: &Ledger, id: JobId) -> JobView {
    ledger.job(id).await.unwrap().unwrap()
}

async fn wait(ledger: &Ledger, id: JobId) -> Option<Wait> {
    seen(ledger, id).await.waits_for
}

async fn reason(ledger: &Ledger, id: JobId) -> Option<WaitReason> {
    wait(ledger, id).await.map(|wait| wait.reason)
}

/// Reports a worker with these mappings.
async fn report(ledger: &Ledger, name: &str, routes: Vec<Route>, targets: Value) {
    let report = WorkerReport {
        name: name.to_owned(),
        version: "1",
        slots: 1,
        routes,
        siblings: Vec::new(),
        targets,
        claimed: false,
    };
    ledger.report_worker(&report).await.unwrap();
}

/// Returns the report about a target whose vector store has been down for a minute.
fn ill(target: &str) -> Value {
    json!({target: {
        "stores": {"sql": {"up": true, "code": null}, "vector": {"up": false, "code": "timeout"}},
        "faults": [], "met": "unavailable", "met_for_ms": 60 * SECOND, "next_in_ms": 20 * SECOND,
    }})
}

fn well() -> Value {
    json!({"main": {"stores": {"sql": {"up": true, "code": null}}, "faults": [], "met": null}})
}

fn elsewhere() -> Route {
    Route {
        target: "other".to_owned(),
        ..route()
    }
}

async fn a_job_waits_for_a_worker_and_then_for_its_turn(test: TestLedger) {
    let ledger = &test.ledger;
    let id = accept(ledger, new_job(vec![ids(2)])).await;
    assert_eq!(wait(ledger, id).await, Some(Wait::new(WaitReason::Worker, None, None)));

    report(ledger, "w", vec![route()], well()).await;
    let turn = wait(ledger, id).await.unwrap();
    assert_eq!((turn.reason, turn.until), (WaitReason::Turn, None));
    assert!(turn.since.is_some_and(|at| at <= TestLedger::now()));

    // Its worker has been silent for longer than two reports.
    test.pass(20 * SECOND).await;
    let gone = wait(ledger, id).await.unwrap();
    assert_eq!(gone.reason, WaitReason::Worker);
    let ago = TestLedger::now() - gone.since.unwrap();
    assert!((20 * SECOND..60 * SECOND).contains(&ago), "{ago}");

    // A lease is the work of a worker, whatever it reports.
    let lease = claim_one(ledger).await;
    assert_eq!(wait(ledger, id).await, None);
    let _ended = record(ledger, end(&lease, erased(2), RecordEnd::Gone)).await;
    assert_eq!(wait(ledger, id).await, None, "it has ended");
}

async fn a_job_waits_for_the_mapping_that_no_worker_has_or_that_does_not_fit(test: TestLedger) {
    let ledger = &test.ledger;
    let id = accept(ledger, new_job(vec![ids(2)])).await;
    let newer = Route {
        digest: "1".to_owned(),
        ..route()
    };
    report(ledger, "w", vec![newer], well()).await;
    let unserved = wait(ledger, id).await.unwrap();
    assert_eq!(
        (unserved.reason, unserved.code),
        (WaitReason::Mapping, Some(StoredCode::Known(ErrorCode::Unserved)))
    );
    assert_eq!(
        (unserved.target.as_deref(), unserved.table.as_deref()),
        (Some("main"), Some("memories"))
    );

    let unfit = |table: &str| json!({"main": {"stores": {}, "faults": [{"table": table, "fault": "…"}], "met": null}});
    report(ledger, "w", vec![route()], unfit("notes")).await;
    assert_eq!(reason(ledger, id).await, Some(WaitReason::Turn), "another table");
    report(ledger, "w", vec![route()], unfit("memories")).await;
    let refused = wait(ledger, id).await.unwrap();
    assert_eq!(
        (refused.reason, refused.code.as_deref()),
        (WaitReason::Mapping, Some("mapping"))
    );
}

async fn a_job_waits_for_its_start_and_for_the_end_of_a_pause(test: TestLedger) {
    let ledger = &test.ledger;
    let start = TestLedger::now() + 3_600 * SECOND;
    let later = NewJob {
        not_before: Some(start),
        ..new_job(vec![ids(2)])
    };
    let later = accept(ledger, later).await;
    let id = accept(ledger, new_job(vec![ids(2)])).await;
    report(ledger, "w", vec![route()], well()).await;
    ledger.pause(Some("main"), &tester()).await.unwrap();
    let start_of = wait(ledger, later).await.unwrap();
    assert_eq!((start_of.reason, start_of.until), (WaitReason::NotBefore, Some(start)));
    let paused = wait(ledger, id).await.unwrap();
    assert_eq!(
        (paused.reason, paused.target.as_deref(), paused.until),
        (WaitReason::Pause, Some("main"), None)
    );
    assert!(paused.since.is_some());
    ledger.pause(None, &tester()).await.unwrap();
    assert_eq!(wait(ledger, id).await.unwrap().target, None, "everything is paused");
    for target in [None, Some("main")] {
        ledger.resume(target, &tester()).await.unwrap();
    }
    ledger.pause(Some("other"), &tester()).await.unwrap();
    assert_eq!(reason(ledger, id).await, Some(WaitReason::Turn));
}

async fn a_job_waits_for_a_store_that_all_of_its_workers_miss(test: TestLedger) {
    let ledger = &test.ledger;
    let id = accept(ledger, new_job(vec![ids(2)])).await;
    report(ledger, "a", vec![route()], ill("main")).await;
    let down = wait(ledger, id).await.unwrap();
    assert_eq!(
        (down.reason, down.target.as_deref(), down.store),
        (WaitReason::Store, Some("main"), Some(StoreKind::Vector))
    );
    assert_eq!(down.code.as_deref(), Some("unavailable"));
    let now = TestLedger::now();
    let (ago, ahead) = (now - down.since.unwrap(), down.until.unwrap() - now);
    assert!((60 * SECOND..90 * SECOND).contains(&ago), "{ago}");
    assert!((1..=20 * SECOND).contains(&ahead), "{ahead}");

    // The breaker lets one partition try the store.
    let lease = claim_one(ledger).await;
    assert_eq!(
        reason(ledger, id).await,
        Some(WaitReason::Store),
        "a probe is no progress"
    );
    let back = Release {
        fence: lease.fence(),
        delay_ms: 30_000,
        error: Some(ErrorCode::Unavailable),
        charged: true,
        alone: false,
    };
    ledger.release(&[back]).await.unwrap();
    let down = wait(ledger, id).await.unwrap();
    let ahead = down.until.unwrap() - TestLedger::now();
    assert!((20 * SECOND..=30 * SECOND).contains(&ahead), "{ahead}");

    // Another worker reaches the store. The job's own backoff goes on.
    report(ledger, "b", vec![route()], well()).await;
    let retried = wait(ledger, id).await.unwrap();
    assert_eq!((retried.reason, retried.since), (WaitReason::Store, None));
    test.pass(31 * SECOND).await;
    report(ledger, "a", vec![route()], ill("main")).await;
    report(ledger, "b", vec![route()], well()).await;
    assert_eq!(reason(ledger, id).await, Some(WaitReason::Turn));
    // A worker without the mapping says nothing about its stores.
    report(ledger, "b", vec![elsewhere()], well()).await;
    assert_eq!(reason(ledger, id).await, Some(WaitReason::Store));
}

async fn a_trouble_from_before_the_last_progress_is_over(test: TestLedger) {
    let ledger = &test.ledger;
    let id = accept(ledger, new_job(vec![ids(2)])).await;
    report(ledger, "w", vec![route()], ill("main")).await;
    let lease = claim_one(ledger).await;
    assert_eq!(reason(ledger, id).await, Some(WaitReason::Store));
    // The report is a second old.
    test.run("UPDATE workers SET last_seen_at = last_seen_at - 1000").await;
    step(ledger, &lease).await;
    assert_eq!(wait(ledger, id).await, None);
}

/// Records one of two memories.
async fn step(ledger: &Ledger, lease: &lethe_common::ledger::Lease) {
    let one = Record {
        lease,
        delta: erased(1),
        progress: None,
        remaining: 1,
        end: None,
    };
    assert!(matches!(record(ledger, one).await, After::Continue { .. }));
}

async fn a_job_waits_for_its_pace_while_it_runs(test: TestLedger) {
    let ledger = &test.ledger;
    let slow = NewJob {
        per_second: Some(0.1),
        ..new_job(vec![ids(2)])
    };
    let id = accept(ledger, slow).await;
    report(ledger, "w", vec![route()], well()).await;
    let lease = claim_one(ledger).await;
    assert_eq!(wait(ledger, id).await, None);
    assert_eq!(ledger.reserve(&lease, 1).await.unwrap(), None);
    let paced = wait(ledger, id).await.unwrap();
    assert_eq!(paced.reason, WaitReason::Pace);
    let length = paced.until.unwrap() - paced.since.unwrap();
    assert!((9 * SECOND..=10 * SECOND).contains(&length), "{length}");
    ledger.cancel(id, &tester()).await.unwrap();
    assert_eq!(wait(ledger, id).await, None, "what has begun waits for no pace");
}

async fn a_job_over_two_targets_moves_while_one_of_them_is_ill(test: TestLedger) {
    let ledger = &test.ledger;
    let other = NewPartition {
        route: elsewhere(),
        ..ids(2)
    };
    let id = accept(ledger, new_job(vec![ids(2), other])).await;
    let mut targets = ill("main");
    targets["other"] = json!({"stores": {}, "faults": [], "met": null});
    report(ledger, "w", vec![route(), elsewhere()], targets).await;
    assert_eq!(reason(ledger, id).await, Some(WaitReason::Store));
    let mut leases = claim_of(ledger, &[elsewhere()]).await;
    assert_eq!(wait(ledger, id).await, None);
    let lease = leases.remove(0);
    let _ended = record(ledger, end(&lease, erased(2), RecordEnd::Done)).await;
    report(ledger, "w", vec![route(), elsewhere()], ill("main")).await;
    assert_eq!(wait(ledger, id).await.unwrap().target.as_deref(), Some("main"));
}

async fn a_page_of_jobs_has_the_reason_of_each(test: TestLedger) {
    let ledger = &test.ledger;
    let running = accept(ledger, new_job(vec![ids(2)])).await;
    report(ledger, "w", vec![route()], well()).await;
    claim_one(ledger).await;
    let due = accept(ledger, new_job(vec![ids(2)])).await;
    let other = NewPartition {
        route: elsewhere(),
        ..ids(2)
    };
    let unserved = accept(ledger, new_job(vec![other])).await;
    let jobs = ledger.jobs_of(&[running, due, unserved]).await.unwrap();
    let reasons: Vec<_> = jobs
        .iter()
        .map(|job| job.waits_for.as_ref().map(|wait| wait.reason))
        .collect();
    assert_eq!(reasons, [None, Some(WaitReason::Turn), Some(WaitReason::Mapping)]);
}

async fn an_error_goes_when_the_job_makes_progress_again(test: TestLedger) {
    let ledger = &test.ledger;
    let id = accept(ledger, new_job(vec![ids(2)])).await;
    let back = Release {
        fence: claim_one(ledger).await.fence(),
        delay_ms: 0,
        error: Some(ErrorCode::Unavailable),
        charged: true,
        alone: false,
    };
    ledger.release(&[back]).await.unwrap();
    let lease = claim_one(ledger).await;
    assert_eq!(seen(ledger, id).await.error_code.as_deref(), Some("unavailable"));
    step(ledger, &lease).await;
    assert_eq!(seen(ledger, id).await.error_code, None);
}

async fn an_error_of_a_partition_that_failed_for_good_stays(test: TestLedger) {
    let ledger = &test.ledger;
    let id = accept(ledger, new_job(vec![ids(2), ids(2)])).await;
    let leases = claim_of(ledger, &[route()]).await;
    let failed = RecordEnd::Failed(ErrorCode::Rejected);
    let _ended = record(ledger, end(&leases[0], erased(0), failed)).await;
    let back = Release {
        fence: leases[1].fence(),
        delay_ms: 0,
        error: Some(ErrorCode::Unavailable),
        charged: true,
        alone: false,
    };
    ledger.release(&[back]).await.unwrap();
    step(ledger, &claim_one(ledger).await).await;
    assert_eq!(seen(ledger, id).await.error_code.as_deref(), Some("rejected"));
}

async fn the_rate_is_that_of_the_last_seconds(test: TestLedger) {
    let ledger = &test.ledger;
    let id = accept(ledger, new_job(vec![ids(2)])).await;
    assert_eq!(seen(ledger, id).await.recent_rate, None, "it has not started");
    let lease = claim_one(ledger).await;
    test.pass(2 * SECOND).await;
    step(ledger, &lease).await;
    let rate = seen(ledger, id).await.recent_rate.unwrap();
    // One memory since the start, two seconds ago; and a slow machine.
    assert!(rate > 0.0 && rate <= 0.6, "{rate}");
    test.pass(11 * SECOND).await;
    assert_eq!(seen(ledger, id).await.recent_rate, Some(0.0));
}

async fn a_rate_near_0_makes_no_record_fail(test: TestLedger) {
    let ledger = &test.ledger;
    let id = accept(ledger, new_job(vec![ids(2)])).await;
    let mut lease = claim_one(ledger).await;
    // As after thousands of records without a memory, and a long pause.
    test.run("UPDATE jobs SET rate = 1e-320, progressed_at = 0").await;
    let nothing = Record {
        lease: &lease,
        delta: Delta::default(),
        progress: None,
        remaining: 2,
        end: None,
    };
    let After::Continue {
        until,
        cancelling,
        per_second,
    } = record(ledger, nothing).await
    else {
        panic!("the partition goes on")
    };
    lease.goes_on(until, cancelling, per_second);
    step(ledger, &lease).await;
    let rate = seen(ledger, id).await.recent_rate.unwrap();
    assert!(rate > 0.0, "{rate}");
}
