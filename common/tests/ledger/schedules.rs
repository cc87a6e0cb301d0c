//! Times of schedules, each taken once, and jobs that wait for a window.

use std::time::Duration;

use futures::future::join_all;
use jiff::tz::TimeZone;
use lethe_common::clock::Clock;
use lethe_common::error_code::ErrorCode;
use lethe_common::job::JobId;
use lethe_common::ledger::{
    Delta, ExecutionOptions, JobView, Ledger, Marks, NewJob, RecordEnd, Release, Run, ScheduleRecord, ScheduleRow,
    WaitReason,
};
use lethe_common::schedule::{Window, Windows};
use lethe_common::state::State;

use crate::refusing::refuse;
use crate::support::new_job;
use crate::{TestLedger, accept, claim, claim_one, end, finish, ids, record, state, total};

crate::on_both! {
    a_time_is_taken_once_however_many_try,
    a_run_is_skipped_while_the_one_before_has_not_ended,
    what_was_changed_meanwhile_is_not_fired,
    a_schedule_that_is_replaced_keeps_the_time_that_it_missed,
    what_waits_for_a_window_is_not_given_up,
    new_windows_let_a_job_go,
    new_windows_are_stored_with_the_due_times_of_what_waits_or_not_at_all,
    a_job_that_is_being_cancelled_waits_for_no_window,
    new_windows_begin_a_new_limit,
    a_job_grows_old_only_while_a_window_is_open,
}

/// The due time of the schedules of these tests: long ago.
pub(crate) const MISSED: i64 = 1_000;

/// Their next due time: never during a test.
const LATER: Option<i64> = Some(4_000_000_000_000);

pub(crate) fn schedule(windows: Option<Windows>) -> ScheduleRecord {
    ScheduleRecord {
        name: "nightly".to_owned(),
        principal: "tests".to_owned(),
        rights: "{}".to_owned(),
        target: Some("main".to_owned()),
        cron: "0 3 * * *".to_owned(),
        time_zone: "UTC".to_owned(),
        job: "{}".to_owned(),
        marks: Marks::default(),
        windows,
        paused: false,
        next_run_at: MISSED,
    }
}

/// Returns a window that is always open.
fn open() -> Windows {
    windows("00:00".to_owned(), "24:00".to_owned())
}

/// Returns a window of an hour that opens in about half a day.
fn closed() -> Windows {
    let hour = Clock::system().now().to_zoned(TimeZone::UTC).hour();
    windows(
        format!("{:02}:00", (hour + 12) % 24),
        format!("{:02}:00", (hour + 13) % 24),
    )
}

fn windows(from: String, to: String) -> Windows {
    Windows::new("UTC", vec![Window { days: None, from, to }]).unwrap()
}

async fn stored(ledger: &Ledger, record: &ScheduleRecord) -> ScheduleRow {
    assert!(ledger.add_schedule(record, &crate::tester()).await.unwrap());
    let mut due = ledger.due_schedules(None, 10).await.unwrap().due;
    assert_eq!(due.len(), 1);
    due.remove(0)
}

fn job(windows: Option<Windows>) -> NewJob {
    NewJob {
        execution: ExecutionOptions {
            schedule: Some("nightly".to_owned()),
            windows,
            ..ExecutionOptions::default()
        },
        ..new_job(vec![ids(2)])
    }
}

/// Returns whether a job waits for a window.
fn is_outside(job: &JobView) -> bool {
    job.waits_for
        .as_ref()
        .is_some_and(|wait| wait.reason == WaitReason::Window)
}

async fn again(ledger: &Ledger) -> ScheduleRow {
    ledger.schedule("nightly").await.unwrap().unwrap()
}

async fn a_job_that_is_being_cancelled_waits_for_no_window(test: TestLedger) {
    let ledger = &test.ledger;
    let id = accept(ledger, job(Some(closed()))).await;
    let lease = claim_one(ledger).await;
    assert!(ledger.waits_for_window(&lease).await.unwrap());
    // Its worker has checked the window, and does not know of the cancellation.
    ledger.cancel(id, &crate::tester()).await.unwrap();
    assert!(!ledger.waits_for_window(&lease).await.unwrap());
    ledger.release_until_window(&lease).await.unwrap();
    assert_eq!(state(ledger, id).await, State::Cancelled);
}

async fn a_job_grows_old_only_while_a_window_is_open(test: TestLedger) {
    const DAY: u64 = 24 * 60 * 60 * 1_000;
    let oldest = async || test.ledger.service_state(1).await.unwrap().queue.oldest_ms;
    let waiting = |windows| NewJob {
        not_before: Some(MISSED),
        ..job(windows)
    };
    accept(&test.ledger, waiting(Some(closed()))).await;
    assert_eq!(oldest().await, 0);
    let hour = Clock::system().now().to_zoned(TimeZone::UTC).hour();
    let opened = windows(
        format!("{:02}:00", (hour + 23) % 24),
        format!("{:02}:00", (hour + 2) % 24),
    );
    accept(&test.ledger, waiting(Some(opened))).await;
    let since_opened = oldest().await;
    assert!(0 < since_opened && since_opened <= DAY / 8, "{since_opened}");
    accept(&test.ledger, waiting(None)).await;
    assert!(oldest().await > DAY);
}

async fn a_time_is_taken_once_however_many_try(test: TestLedger) {
    let other = test.giving_up_after(Duration::from_hours(1));
    let due = stored(&test.ledger, &schedule(None)).await;
    let jobs: Vec<NewJob> = (0..16).map(|_| job(None)).collect();
    let tries = jobs.iter().enumerate().map(|(n, job)| {
        let ledger = if n % 2 == 0 { &test.ledger } else { &other };
        ledger.fire(&due, LATER, job)
    });
    let runs: Vec<Run> = join_all(tries).await.into_iter().map(Result::unwrap).collect();

    let fired: Vec<JobId> = jobs
        .iter()
        .zip(&runs)
        .filter(|(_, run)| **run == Run::Fired)
        .map(|(job, _)| job.id)
        .collect();
    let [fired] = fired[..] else { panic!("{runs:?}") };
    assert_eq!(runs.iter().filter(|run| **run == Run::Gone).count(), 15, "{runs:?}");
    assert_eq!(claim_one(&test.ledger).await.job.id, fired);
    let after = again(&test.ledger).await;
    assert_eq!((after.next_run_at, after.last_job), (LATER, Some(fired)));
    assert!(after.last_run_at.is_some_and(|at| at > MISSED));
    assert_eq!(total(&test.ledger, "accepted", "").await, 1);
    assert_eq!(total(&test.ledger, "runs", "fired").await, 1);
    assert!(test.ledger.due_schedules(None, 10).await.unwrap().due.is_empty());
    assert!(
        test.ledger
            .next_schedule()
            .await
            .unwrap()
            .wait
            .is_some_and(|wait| wait > 0)
    );
}

async fn a_run_is_skipped_while_the_one_before_has_not_ended(TestLedger { ledger, _dir, .. }: TestLedger) {
    let due = stored(&ledger, &schedule(None)).await;
    assert_eq!(
        ledger.fire(&due, Some(MISSED + 1), &job(None)).await.unwrap(),
        Run::Fired
    );
    let due = again(&ledger).await;
    assert_eq!(
        ledger.fire(&due, Some(MISSED + 2), &job(None)).await.unwrap(),
        Run::Skipped
    );
    let after = again(&ledger).await;
    assert_eq!((after.next_run_at, after.skipped), (Some(MISSED + 2), 1));
    assert_eq!(after.last_outcome.as_deref(), Some("skipped"));
    assert_eq!(after.last_job, due.last_job);

    finish(&ledger, &claim_one(&ledger).await).await;
    assert_eq!(ledger.fire(&after, LATER, &job(None)).await.unwrap(), Run::Fired);
    assert_ne!(again(&ledger).await.last_job, due.last_job);
    let runs = [
        total(&ledger, "runs", "fired").await,
        total(&ledger, "runs", "skipped").await,
    ];
    assert_eq!((runs, total(&ledger, "accepted", "").await), ([2, 1], 2));
}

async fn what_was_changed_meanwhile_is_not_fired(TestLedger { ledger, _dir, .. }: TestLedger) {
    let due = stored(&ledger, &schedule(None)).await;
    assert!(ledger.pause_schedule("nightly", true, &crate::tester()).await.unwrap());
    assert_eq!(ledger.fire(&due, LATER, &job(None)).await.unwrap(), Run::Gone);
    assert!(ledger.due_schedules(None, 10).await.unwrap().due.is_empty());
    assert_eq!(ledger.next_schedule().await.unwrap().wait, None);
    assert!(ledger.pause_schedule("nightly", false, &crate::tester()).await.unwrap());
    assert_eq!(ledger.next_schedule().await.unwrap().wait, Some(0));

    assert!(
        ledger
            .replace_schedule(&schedule(None), &due.revision, &crate::tester())
            .await
            .unwrap()
    );
    assert!(
        !ledger
            .replace_schedule(&schedule(None), &due.revision, &crate::tester())
            .await
            .unwrap()
    );
    assert_eq!(ledger.fire(&due, LATER, &job(None)).await.unwrap(), Run::Gone);
    assert_eq!(ledger.refuse_run(&due, LATER, "why").await.unwrap(), Run::Gone);
    let due = again(&ledger).await;
    assert_eq!(ledger.refuse_run(&due, LATER, "why").await.unwrap(), Run::Refused);
    let after = again(&ledger).await;
    assert_eq!((after.refused, after.last_problem.as_deref()), (1, Some("why")));

    assert!(ledger.remove_schedule("nightly", &crate::tester()).await.unwrap());
    assert!(!ledger.remove_schedule("nightly", &crate::tester()).await.unwrap());
    assert_eq!(ledger.fire(&due, LATER, &job(None)).await.unwrap(), Run::Gone);
    assert_eq!(total(&ledger, "accepted", "").await, 0);
}

async fn a_schedule_that_is_replaced_keeps_the_time_that_it_missed(TestLedger { ledger, _dir, .. }: TestLedger) {
    let due = stored(&ledger, &schedule(None)).await;
    let later = ScheduleRecord {
        next_run_at: LATER.unwrap(),
        ..schedule(None)
    };
    assert!(
        ledger
            .replace_schedule(&later, &due.revision, &crate::tester())
            .await
            .unwrap()
    );
    let same = again(&ledger).await;
    assert_eq!(same.next_run_at, Some(MISSED));
    for changed in [
        ScheduleRecord {
            cron: "0 4 * * *".to_owned(),
            ..later.clone()
        },
        ScheduleRecord {
            time_zone: "Europe/Berlin".to_owned(),
            ..later
        },
    ] {
        let before = again(&ledger).await;
        assert!(
            ledger
                .replace_schedule(&changed, &before.revision, &crate::tester())
                .await
                .unwrap()
        );
        assert_eq!(again(&ledger).await.next_run_at, LATER);
    }
}

async fn what_waits_for_a_window_is_not_given_up(test: TestLedger) {
    let patient = &test.ledger;
    let impatient = test.giving_up_after(Duration::from_millis(1));
    let id = accept(patient, job(Some(closed()))).await;
    let lease = claim_one(patient).await;
    assert!(patient.waits_for_window(&lease).await.unwrap());
    patient
        .release(&[Release {
            fence: lease.fence(),
            delay_ms: 0,
            error: Some(ErrorCode::Timeout),
            charged: true,
            alone: false,
        }])
        .await
        .unwrap();
    let lease = claim_one(patient).await;
    assert_eq!(lease.failures, 1);
    patient.release_until_window(&lease).await.unwrap();
    // Time has passed, but no window has been open since the accept.
    test.pass(60_000).await;
    let job = patient.job(id).await.unwrap().unwrap();
    assert!(is_outside(&job) && job.next_attempt_at.unwrap() > job.now + 10 * 3_600_000);
    assert!(claim(patient).await.is_empty());
    assert_eq!(impatient.give_up().await.unwrap().jobs, []);
    // The limit passes only after a window has been open.
    let opens_in = job.next_attempt_at.unwrap() - job.now;
    test.run("UPDATE jobs SET windows = NULL, idle_since = accepted_at")
        .await;
    assert!(opens_in > 0);
    assert_eq!(impatient.give_up().await.unwrap().jobs, [id]);
    assert_eq!(state(patient, id).await, State::Failed);
}

async fn new_windows_begin_a_new_limit(test: TestLedger) {
    let ledger = &test.ledger;
    let minutes = async |n: i64| {
        test.pass(n * 60_000).await;
        ledger.give_up().await.unwrap().jobs
    };
    let due = stored(ledger, &schedule(Some(closed()))).await;
    let waiting = job(Some(closed()));
    assert_eq!(ledger.fire(&due, LATER, &waiting).await.unwrap(), Run::Fired);
    assert_eq!(minutes(120).await, []);
    // Time outside the old windows does not count for the new ones either.
    let replace = async |windows| {
        let revision = again(ledger).await.revision;
        assert!(
            ledger
                .replace_schedule(&schedule(windows), &revision, &crate::tester())
                .await
                .unwrap()
        );
    };
    replace(None).await;
    assert_eq!(minutes(59).await, []);
    // The same windows once more change nothing.
    replace(None).await;
    assert_eq!(minutes(2).await, [waiting.id]);
}

async fn new_windows_are_stored_with_the_due_times_of_what_waits_or_not_at_all(test: TestLedger) {
    let ledger = &test.ledger;
    let due = stored(ledger, &schedule(Some(closed()))).await;
    let waiting = job(Some(closed()));
    assert_eq!(ledger.fire(&due, LATER, &waiting).await.unwrap(), Run::Fired);
    ledger.release_until_window(&claim_one(ledger).await).await.unwrap();
    // As if the process died at this statement.
    refuse(&test, "partitions", "UPDATE", "NEW.due_at < OLD.due_at").await;
    let revision = again(ledger).await.revision;
    let replaced = ledger
        .replace_schedule(&schedule(Some(open())), &revision, &crate::tester())
        .await;
    assert!(replaced.is_err());
    assert_eq!(again(ledger).await.revision, revision);
    assert!(is_outside(&ledger.job(waiting.id).await.unwrap().unwrap()));
}

async fn new_windows_let_a_job_go(TestLedger { ledger, _dir, .. }: TestLedger) {
    let due = stored(&ledger, &schedule(Some(closed()))).await;
    let waiting = job(Some(closed()));
    let id = waiting.id;
    assert_eq!(ledger.fire(&due, LATER, &waiting).await.unwrap(), Run::Fired);
    let lease = claim_one(&ledger).await;
    ledger.release_until_window(&lease).await.unwrap();
    assert!(claim(&ledger).await.is_empty());
    // The lease is released already, so a second release does nothing.
    ledger.release_until_window(&lease).await.unwrap();

    let before = again(&ledger).await;
    assert!(
        ledger
            .replace_schedule(&schedule(Some(open())), &before.revision, &crate::tester())
            .await
            .unwrap()
    );
    let lease = claim_one(&ledger).await;
    assert!(!ledger.waits_for_window(&lease).await.unwrap());
    assert!(!is_outside(&ledger.job(id).await.unwrap().unwrap()));
    // Windows that close while the job runs count before its next batch, and so do windows that are removed.
    let before = again(&ledger).await;
    assert!(
        ledger
            .replace_schedule(&schedule(Some(closed())), &before.revision, &crate::tester())
            .await
            .unwrap()
    );
    assert!(ledger.waits_for_window(&lease).await.unwrap());
    let seen = ledger.job(id).await.unwrap().unwrap();
    assert_eq!(seen.waits_for, None, "a batch runs");
    let before = again(&ledger).await;
    assert!(
        ledger
            .replace_schedule(&schedule(None), &before.revision, &crate::tester())
            .await
            .unwrap()
    );
    assert!(!ledger.waits_for_window(&lease).await.unwrap());
    record(&ledger, end(&lease, Delta::default(), RecordEnd::Done)).await;
}
