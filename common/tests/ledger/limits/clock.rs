//! The clock of a job's limit: the time that counts, and the events that stop it.

use std::time::Duration;

use lethe_common::ledger::{ExecutionOptions, NewJob, NewPartition, Route};
use lethe_common::schedule::{Window, Windows};
use lethe_common::state::State;

use super::{HOUR, MINUTE, give_up, put_back, step};
use crate::support::{new_job, route};
use crate::{TestLedger, accept, claim_one, finish, ids, state};

crate::on_both! {
    a_pause_stops_the_clock,
    pauses_that_overlap_count_once,
    a_pause_of_one_of_its_targets_stops_the_clock_of_a_job,
    time_outside_of_windows_counts_for_nobody,
    a_pause_outside_of_windows_counts_once,
    the_limit_of_a_later_job_counts_from_its_start,
    the_limit_of_an_upload_counts_from_its_end,
    a_wait_for_the_rate_limit_stops_the_clock,
    a_rate_limit_does_not_stop_the_clock_of_a_batch_that_has_begun,
    a_rate_limit_does_not_stop_the_clock_of_a_cancelled_job,
    a_faster_rate_limit_counts_at_once,
    past_pauses_are_kept_for_unfinished_jobs_only,
}

async fn a_pause_stops_the_clock(test: TestLedger) {
    let ledger = &test.ledger;
    for scope in [None, Some("main")] {
        let before = accept(ledger, new_job(vec![ids(1)])).await;
        test.pass(30 * MINUTE).await;
        ledger.pause(scope, &crate::tester()).await.unwrap();
        let meanwhile = accept(ledger, new_job(vec![ids(1)])).await;
        test.pass(5 * HOUR).await;
        assert_eq!(give_up(ledger).await, [], "paused");
        ledger.resume(scope, &crate::tester()).await.unwrap();
        assert_eq!(give_up(ledger).await, [], "nobody claimed meanwhile");
        test.pass(29 * MINUTE).await;
        assert_eq!(give_up(ledger).await, []);
        test.pass(2 * MINUTE).await;
        assert_eq!(give_up(ledger).await, [before]);
        test.pass(28 * MINUTE).await;
        assert_eq!(give_up(ledger).await, []);
        test.pass(2 * MINUTE).await;
        assert_eq!(give_up(ledger).await, [meanwhile]);
    }
    // A pause of another target does not stop the clock.
    let id = accept(ledger, new_job(vec![ids(1)])).await;
    ledger.pause(Some("other"), &crate::tester()).await.unwrap();
    test.pass(61 * MINUTE).await;
    assert_eq!(give_up(ledger).await, [id]);
}

async fn pauses_that_overlap_count_once(test: TestLedger) {
    let ledger = &test.ledger;
    let id = accept(ledger, new_job(vec![ids(1)])).await;
    ledger.pause(None, &crate::tester()).await.unwrap();
    test.pass(HOUR).await;
    ledger.pause(Some("main"), &crate::tester()).await.unwrap();
    test.pass(HOUR).await;
    ledger.resume(None, &crate::tester()).await.unwrap();
    test.pass(HOUR).await;
    assert_eq!(give_up(ledger).await, []);
    ledger.resume(Some("main"), &crate::tester()).await.unwrap();
    test.pass(30 * MINUTE).await;
    // A second pause, which lasts.
    ledger.pause(Some("main"), &crate::tester()).await.unwrap();
    test.pass(HOUR).await;
    assert_eq!(give_up(ledger).await, []);
    ledger.resume(Some("main"), &crate::tester()).await.unwrap();
    test.pass(29 * MINUTE).await;
    assert_eq!(give_up(ledger).await, []);
    test.pass(2 * MINUTE).await;
    assert_eq!(give_up(ledger).await, [id]);
}

async fn a_pause_of_one_of_its_targets_stops_the_clock_of_a_job(test: TestLedger) {
    let ledger = &test.ledger;
    let other = NewPartition {
        route: Route {
            target: "other".to_owned(),
            ..route()
        },
        ..ids(1)
    };
    let both = accept(ledger, new_job(vec![ids(1), other])).await;
    let one = accept(ledger, new_job(vec![ids(1)])).await;
    ledger.pause(Some("other"), &crate::tester()).await.unwrap();
    test.pass(61 * MINUTE).await;
    assert_eq!(give_up(ledger).await, [one]);
    ledger.resume(Some("other"), &crate::tester()).await.unwrap();
    test.pass(59 * MINUTE).await;
    assert_eq!(give_up(ledger).await, []);
    test.pass(2 * MINUTE).await;
    assert_eq!(give_up(ledger).await, [both]);
}

/// Returns a window of an hour each day: of any 24 hours, one counts.
fn daily(hour: u8) -> Windows {
    let window = Window {
        days: None,
        from: format!("{hour:02}:00"),
        to: format!("{:02}:00", hour + 1),
    };
    Windows::new("UTC", vec![window]).unwrap()
}

fn windowed(windows: Windows) -> NewJob {
    NewJob {
        execution: ExecutionOptions {
            schedule: Some("nightly".to_owned()),
            windows: Some(windows),
            ..ExecutionOptions::default()
        },
        ..new_job(vec![ids(2)])
    }
}

async fn time_outside_of_windows_counts_for_nobody(test: TestLedger) {
    let ledger = &test.giving_up_after(Duration::from_mins(150));
    let id = accept(ledger, windowed(daily(3))).await;
    test.pass(48 * HOUR).await;
    assert_eq!(give_up(ledger).await, [], "two hours, though nobody claimed");
    test.pass(24 * HOUR).await;
    assert_eq!(give_up(ledger).await, [id]);
    // Unreadable windows never open, and must not keep their job for ever.
    let id = accept(ledger, windowed(daily(3))).await;
    test.run("UPDATE jobs SET windows = REPLACE(windows, 'UTC', 'Mars/Olympus') WHERE ended_at IS NULL")
        .await;
    test.pass(2 * HOUR).await;
    assert_eq!(give_up(ledger).await, []);
    test.pass(HOUR).await;
    assert_eq!(give_up(ledger).await, [id]);
}

async fn a_pause_outside_of_windows_counts_once(test: TestLedger) {
    let ledger = &test.giving_up_after(Duration::from_mins(150));
    let id = accept(ledger, windowed(daily(3))).await;
    test.pass(24 * HOUR).await;
    ledger.pause(None, &crate::tester()).await.unwrap();
    test.pass(48 * HOUR).await;
    ledger.resume(None, &crate::tester()).await.unwrap();
    assert_eq!(give_up(ledger).await, []);
    test.pass(24 * HOUR).await;
    assert_eq!(give_up(ledger).await, [], "two hours were open and not paused");
    test.pass(24 * HOUR).await;
    assert_eq!(give_up(ledger).await, [id]);
}

async fn the_limit_of_a_later_job_counts_from_its_start(test: TestLedger) {
    let ledger = &test.ledger;
    let mut later = new_job(vec![ids(1)]);
    later.not_before = Some(TestLedger::now() + 10 * HOUR);
    let id = accept(ledger, later).await;
    test.pass(5 * HOUR).await;
    assert_eq!(give_up(ledger).await, []);
    test.pass(5 * HOUR + 59 * MINUTE).await;
    assert_eq!(give_up(ledger).await, []);
    test.pass(2 * MINUTE).await;
    assert_eq!(give_up(ledger).await, [id]);
    // `not_before` may lie long before the accept.
    let mut late = new_job(vec![ids(1)]);
    late.not_before = Some(1);
    let id = accept(ledger, late).await;
    test.pass(59 * MINUTE).await;
    assert_eq!(give_up(ledger).await, []);
    test.pass(2 * MINUTE).await;
    assert_eq!(give_up(ledger).await, [id]);
}

async fn the_limit_of_an_upload_counts_from_its_end(test: TestLedger) {
    let ledger = &test.ledger;
    let job = new_job(Vec::new());
    let mut upload = ledger.begin_upload(&job, &ids(1)).await.unwrap().unwrap();
    test.pass(2 * HOUR).await;
    assert_eq!(give_up(ledger).await, []);
    ledger.append(&mut upload, &[ids(1)]).await.unwrap();
    let id = ledger.finish_upload(upload, "").await.unwrap();
    test.pass(30 * MINUTE).await;
    ledger.pause(Some("main"), &crate::tester()).await.unwrap();
    test.pass(HOUR).await;
    ledger.resume(Some("main"), &crate::tester()).await.unwrap();
    test.pass(29 * MINUTE).await;
    assert_eq!(give_up(ledger).await, []);
    test.pass(2 * MINUTE).await;
    assert_eq!(give_up(ledger).await, [id]);
}

fn paced(per_second: f64) -> NewJob {
    NewJob {
        per_second: Some(per_second),
        ..new_job(vec![ids(1_000)])
    }
}

async fn a_wait_for_the_rate_limit_stops_the_clock(test: TestLedger) {
    let ledger = &test.ledger;
    let id = accept(ledger, paced(0.1)).await;
    let mut lease = claim_one(ledger).await;
    // 100 minutes.
    assert_eq!(ledger.reserve(&lease, 600).await.unwrap(), None);
    assert!(step(ledger, &mut lease).await);
    put_back(ledger, &lease, "timeout").await;
    test.pass(100 * MINUTE).await;
    assert_eq!(give_up(ledger).await, []);
    test.pass(58 * MINUTE).await;
    assert_eq!(give_up(ledger).await, []);
    test.pass(3 * MINUTE).await;
    assert_eq!(give_up(ledger).await, [id]);
}

async fn a_rate_limit_does_not_stop_the_clock_of_a_batch_that_has_begun(test: TestLedger) {
    let ledger = &test.ledger;
    let id = accept(ledger, paced(1e-9)).await;
    test.pass(50 * MINUTE).await;
    let mut lease = claim_one(ledger).await;
    // Thirty years.
    assert_eq!(ledger.reserve(&lease, 1).await.unwrap(), None);
    ledger.intend(&[(&lease, "one".to_owned())]).await.unwrap();
    test.pass(50 * MINUTE).await;
    assert_eq!(give_up(ledger).await, [], "its clock began with the batch");
    // After its record, the job waits for its pace again.
    lease = claim_one(ledger).await;
    assert!(step(ledger, &mut lease).await);
    put_back(ledger, &lease, "timeout").await;
    test.pass(10 * HOUR).await;
    assert_eq!(give_up(ledger).await, []);
    ledger.throttle(id, Some(1.0), &crate::tester()).await.unwrap();
    let lease = claim_one(ledger).await;
    test.run("UPDATE jobs SET throttled_till = 1").await;
    ledger.throttle(id, Some(1e-9), &crate::tester()).await.unwrap();
    assert_eq!(ledger.reserve(&lease, 1).await.unwrap(), None);
    ledger.intend(&[(&lease, "two".to_owned())]).await.unwrap();
    put_back(ledger, &lease, "timeout").await;
    test.pass(59 * MINUTE).await;
    assert_eq!(give_up(ledger).await, []);
    test.pass(2 * MINUTE).await;
    assert_eq!(give_up(ledger).await, [id]);
    assert_eq!(state(ledger, id).await, State::Failed);
}

async fn a_rate_limit_does_not_stop_the_clock_of_a_cancelled_job(test: TestLedger) {
    let ledger = &test.ledger;
    let id = accept(ledger, paced(0.001)).await;
    let mut lease = claim_one(ledger).await;
    // Eleven days.
    assert_eq!(ledger.reserve(&lease, 1_000).await.unwrap(), None);
    assert!(step(ledger, &mut lease).await);
    test.pass(61 * MINUTE).await;
    assert_eq!(give_up(ledger).await, [], "it has been found, and waits for its turn");
    // Its worker died, and no other one serves the target.
    ledger.cancel(id, &crate::tester()).await.unwrap();
    assert_eq!(give_up(ledger).await, [id]);
    assert_eq!(state(ledger, id).await, State::Cancelled);
}

async fn a_faster_rate_limit_counts_at_once(test: TestLedger) {
    let ledger = &test.ledger;
    let id = accept(ledger, paced(0.001)).await;
    let mut lease = claim_one(ledger).await;
    // Eleven days.
    assert_eq!(ledger.reserve(&lease, 1_000).await.unwrap(), None);
    assert!(step(ledger, &mut lease).await);
    put_back(ledger, &lease, "timeout").await;
    test.pass(61 * MINUTE).await;
    assert_eq!(give_up(ledger).await, []);
    ledger.throttle(id, None, &crate::tester()).await.unwrap();
    test.pass(59 * MINUTE).await;
    assert_eq!(give_up(ledger).await, []);
    test.pass(2 * MINUTE).await;
    assert_eq!(give_up(ledger).await, [id]);
}

async fn past_pauses_are_kept_for_unfinished_jobs_only(test: TestLedger) {
    let ledger = &test.ledger;
    let old = accept(ledger, new_job(vec![ids(1)])).await;
    for _ in 0..3 {
        ledger.pause(None, &crate::tester()).await.unwrap();
        test.pass(MINUTE).await;
        ledger.resume(None, &crate::tester()).await.unwrap();
        test.pass(MINUTE).await;
    }
    assert_eq!(test.run("UPDATE past_pauses SET scope = scope").await, 3);
    finish(ledger, &claim_one(ledger).await).await;
    assert_eq!(state(ledger, old).await, State::Succeeded);
    accept(ledger, new_job(vec![ids(1)])).await;
    ledger.pause(None, &crate::tester()).await.unwrap();
    ledger.resume(None, &crate::tester()).await.unwrap();
    assert_eq!(test.run("UPDATE past_pauses SET scope = scope").await, 1);
    // To resume without a pause changes nothing.
    ledger.resume(None, &crate::tester()).await.unwrap();
    assert_eq!(test.run("UPDATE past_pauses SET scope = scope").await, 1);
}
