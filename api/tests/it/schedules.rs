//! Schedules: writes and refusals, rights, and the jobs that they make.

mod firing;
mod stuck;
mod writing;

use axum::body::Body;
use jiff::tz::TimeZone;
use lethe_api::Firing;
use lethe_common::clock::Clock;
use lethe_common::ledger::{Lease, Run, ScheduleRow};
use serde_json::{Value, json};

use crate::accepting::claim;
use crate::app::{Answer, App, MAIN, request};

/// The path of the schedule of most tests.
const PATH: &str = "/v1/schedules/nightly";

fn body() -> Value {
    json!({
        "cron": "0 3 * * *",
        "time_zone": "Europe/Berlin",
        "job": {"select": {"query": {"range": {"created_at": {"lt": {"ago": "90d"}}}}}},
    })
}

fn with(field: &str, value: Value) -> Value {
    let mut body = body();
    body[field] = value;
    body
}

async fn app() -> App {
    App::with(&MAIN.replace("user = \"user_id\", w", "user = \"user_id\", created_at = \"made\", w")).await
}

async fn put(app: &App, who: &str, body: &Value) -> Answer {
    app.send_json(who, "PUT", PATH, body).await
}

async fn delete(app: &App, who: &str) -> Answer {
    let request = request(who, "DELETE", PATH).body(Body::empty());
    app.send(request.expect("a request")).await
}

async fn stored(app: &App) -> ScheduleRow {
    let row = app.ledger.schedule("nightly").await.expect("the ledger answers");
    row.expect("a schedule")
}

/// Makes the schedule miss its last times.
pub(crate) async fn miss(app: &App) {
    let row = stored(app).await;
    let mut record = row.schedule.clone();
    // Only with another time zone does the ledger keep the given time.
    let zone = if record.time_zone == "UTC" {
        "Europe/Berlin"
    } else {
        "UTC"
    };
    zone.clone_into(&mut record.time_zone);
    record.next_run_at = row.now - 10 * 24 * 3_600_000;
    let replaced = app
        .ledger
        .replace_schedule(&record, &row.revision, &crate::app::tester())
        .await;
    assert!(replaced.expect("the ledger answers"));
}

/// Refuses the next run of a schedule, as if it were due now.
pub(crate) async fn refuse(app: &App, name: &str, why: &str) {
    let row = app.ledger.schedule(name).await.expect("the ledger answers");
    let row = row.expect("a schedule");
    // Two days later, so that the run is one after the last change on every clock.
    let next = row.next_run_at.map(|at| at + 2 * 24 * 3_600_000);
    let run = app.ledger.refuse_run(&row, next, why).await;
    assert_eq!(run.expect("the ledger answers"), Run::Refused, "{name}");
}

pub(crate) async fn fired(app: &App) -> usize {
    Firing::default()
        .fire_due(&app.state)
        .await
        .expect("the ledger answers")
}

async fn claimed(app: &App) -> Lease {
    let [lease]: [Lease; 1] = claim(app).await.try_into().expect("one job");
    lease
}

/// Returns a window that opens in about half a day, for an hour.
fn closed() -> Value {
    let hour = Clock::system().now().to_zoned(TimeZone::UTC).hour();
    let at = |hours| format!("{:02}:00", (hour + hours) % 24);
    json!([{"from": at(12), "to": at(13)}])
}
