//! Due schedules that cannot make their jobs, and those behind them.

use std::time::{Duration, Instant};

use lethe_api::Firing;
use lethe_common::ledger::ScheduleRecord;
use serde_json::json;

use super::{app, body, fired, miss, put, stored};
use crate::app::{App, MAIN, tester};
use crate::bounds::refused;

async fn add(app: &App, record: &ScheduleRecord) {
    let added = app.ledger.add_schedule(record, &tester()).await;
    assert!(added.expect("the ledger answers"));
}

#[tokio::test]
async fn a_look_goes_on_where_the_last_one_stopped() {
    let app = app().await;
    assert_eq!(put(&app, "root", &body()).await.status, 201);
    miss(&app).await;
    let mut record = stored(&app).await.schedule;
    // Another process has time zones that this one lacks.
    "Nowhere/Else".clone_into(&mut record.time_zone);
    record.next_run_at = 1_000;
    for n in 0..510 {
        record.name = format!("elsewhere-{n}");
        add(&app, &record).await;
    }
    let mut firing = Firing::default();
    for (taken, why) in [
        (0, "a look has 500 schedules"),
        (1, "the next one has the rest"),
        (0, "then it begins again"),
    ] {
        let look = firing.fire_due(&app.state).await;
        assert_eq!(look.expect("the ledger answers"), taken, "{why}");
    }
    assert_eq!(app.count().await, 1);
}

#[tokio::test]
async fn a_caller_with_too_many_jobs_is_looked_at_once() {
    let app = App::with(&format!("api.max_unfinished_jobs_per_caller = 1\n{MAIN}")).await;
    let mut asked = body();
    asked["job"] = json!({"select": {"ids": ["a"]}});
    assert_eq!(put(&app, "root", &asked).await.status, 201);
    let job = app.accepted("root").await;
    miss(&app).await;
    let row = stored(&app).await;
    // A look at this schedule takes its time: its job cannot be read.
    let later = ScheduleRecord {
        name: "later".to_owned(),
        job: "unreadable".to_owned(),
        next_run_at: row.now - 1_000,
        ..row.schedule
    };
    add(&app, &later).await;
    let before = refused(&app, "caller_jobs").await;
    assert_eq!(fired(&app).await, 0);
    assert_eq!(refused(&app, "caller_jobs").await, before, "a schedule is no request");
    app.ledger.cancel(job, &tester()).await.expect("the ledger answers");
    // A count that is some milliseconds old may still refuse.
    let (start, mut taken) = (Instant::now(), 0);
    while taken == 0 {
        assert!(start.elapsed().as_secs() < 30, "it stays due");
        taken = fired(&app).await;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(taken, 2, "the later one is looked at too");
}
