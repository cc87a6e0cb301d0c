//! Schedules: what is written and refused, who may do what about them, and what they make.

use axum::body::Body;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use lethe_api::fire_due;
use lethe_common::clock::Clock;
use lethe_common::ledger::{Lease, ScheduleRow};
use serde_json::{Value, json};

use crate::accepting::claim;
use crate::app::{Answer, App, MAIN, request};
use crate::callers::job_of;
use crate::tokens::{SECRET, claims, issuer, signed};

/// The path of the schedule that most tests are about.
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

/// Lets the schedule have missed its last times.
async fn miss(app: &App) {
    let row = stored(app).await;
    let mut record = row.schedule.clone();
    // With another time zone it takes the time that it is given.
    let zone = if record.time_zone == "UTC" {
        "Europe/Berlin"
    } else {
        "UTC"
    };
    zone.clone_into(&mut record.time_zone);
    record.next_run_at = row.now - 10 * 24 * 3_600_000;
    let replaced = app.ledger.replace_schedule(&record, &row.revision).await;
    assert!(replaced.expect("the ledger answers"));
}

async fn fired(app: &App) -> usize {
    fire_due(&app.state).await.expect("the ledger answers")
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

#[tokio::test]
async fn a_schedule_is_written_shown_replaced_and_taken_away() {
    let app = app().await;
    let answer = put(&app, "root", &body()).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    assert_eq!(app.get("root", PATH).await.body, answer.body);
    let mut shown = answer.body;
    for varying in ["created_at", "changed_at", "next_run_at"] {
        assert!(shown[varying].is_string(), "{varying}");
        shown[varying] = json!("…");
    }
    let _sorted = crate::app::sorted();
    insta::assert_json_snapshot!(shown, @r#"
    {
      "changed_at": "…",
      "created_at": "…",
      "cron": "0 3 * * *",
      "job": {
        "dry_run": false,
        "select": {
          "query": {
            "range": {
              "created_at": {
                "lt": {
                  "ago": "90d"
                }
              }
            }
          }
        }
      },
      "last_job": null,
      "last_outcome": null,
      "last_problem": null,
      "last_run_at": null,
      "name": "nightly",
      "next_run_at": "…",
      "paused": false,
      "principal": "root",
      "refused": 0,
      "skipped": 0,
      "target": "main",
      "time_zone": "Europe/Berlin",
      "windows": null
    }
    "#);

    let windows = json!([{"days": ["sat", "sun"], "from": "22:00", "to": "06:00"}, {"from": "12:00", "to": "13:00"}]);
    let mut other = with("windows", windows.clone());
    other["cron"] = json!("*/10 2 * * mon");
    other["time_zone"] = json!("europe/berlin");
    other["paused"] = json!(true);
    let answer = put(&app, "root", &other).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(
        (&answer.body["windows"], &answer.body["paused"]),
        (&windows, &json!(true))
    );
    assert_eq!(answer.body["next_run_at"], json!(null));
    // As IANA writes it.
    assert_eq!(answer.body["time_zone"], "Europe/Berlin");

    let resumed = app.post("root", &format!("{PATH}/resume")).await;
    assert_eq!((resumed.status.as_u16(), &resumed.body["paused"]), (200, &json!(false)));
    let next: Timestamp = resumed.body["next_run_at"]
        .as_str()
        .expect("a time")
        .parse()
        .expect("a time");
    let next = next.in_tz("Europe/Berlin").expect("a zone");
    assert_eq!(
        (next.weekday().to_monday_zero_offset(), next.hour(), next.minute()),
        (0, 2, 0)
    );
    let paused = app.post("root", &format!("{PATH}/pause")).await;
    assert_eq!((paused.status.as_u16(), &paused.body["paused"]), (200, &json!(true)));

    assert_eq!(delete(&app, "root").await.status, 204);
    for answer in [
        delete(&app, "root").await,
        app.get("root", PATH).await,
        app.post("root", &format!("{PATH}/pause")).await,
        app.post("root", &format!("{PATH}/preview")).await,
        app.get("root", "/v1/schedules/No%00Name").await,
    ] {
        answer.refused(404, "not-found", "no schedule has this name");
    }
}

#[tokio::test]
async fn schedules_are_listed_page_by_page() {
    let app = app().await;
    for name in ["c", "a", "b"] {
        let path = format!("/v1/schedules/{name}");
        assert_eq!(app.send_json("root", "PUT", &path, &body()).await.status, 201);
    }
    let page = app.get("root", "/v1/schedules?limit=2").await.body;
    assert_eq!(
        (
            &page["schedules"][0]["name"],
            &page["schedules"][1]["name"],
            &page["next"]
        ),
        (&json!("a"), &json!("b"), &json!("b"))
    );
    let page = app.get("root", "/v1/schedules?limit=2&after=b").await.body;
    assert_eq!(
        (&page["schedules"][0]["name"], &page["next"]),
        (&json!("c"), &json!(null))
    );
    for (query, field) in [("limit=0", "`limit`"), ("after=%00", "`after`"), ("name=a", "`name`")] {
        app.get("root", &format!("/v1/schedules?{query}"))
            .await
            .refused(422, "invalid", field);
    }
    app.get("root", "/v1/jobs?schedule=")
        .await
        .refused(422, "invalid", "`schedule`");
}

#[tokio::test]
async fn a_schedule_is_no_place_for_a_long_list() {
    let app = App::new().await;
    let many: Vec<String> = (0..7_000).map(|n| format!("memory-{n}")).collect();
    put(&app, "root", &with("job", json!({"select": {"ids": many}})))
        .await
        .refused(422, "invalid", "`job`: write at most 65536 bytes");
}

#[tokio::test]
async fn a_schedule_that_makes_no_sense_is_refused_before_anything_is_stored() {
    let app = app().await;
    let window = |window: Value| with("windows", json!([window]));
    let of_job = |field: &str, value: Value| {
        let mut body = body();
        body["job"][field] = value;
        body
    };
    let ago = |bound: Value| {
        let query = json!({"range": {"created_at": {"lt": bound}}});
        of_job("select", json!({"query": query}))
    };
    let place = "`job.select.query.range.created_at.lt";
    for (body, says) in [
        (with("cron", json!("often")), "`cron`: write five fields"),
        (with("cron", json!("* * * * * * 2030")), "`cron`"),
        (with("cron", json!("0 3 31 2 *")), "`cron`: write times that come"),
        (
            with("time_zone", json!("Europe/Atlantis")),
            "`time_zone`: write a time zone",
        ),
        (with("windows", json!([])), "`windows`: write at least one window"),
        (with("windows", json!(null)), "`windows`: write a list"),
        (
            with("windows", json!([["sat", "22:00", "23:00"]])),
            "`windows[0]`: write an object",
        ),
        (
            window(json!({"days": ["caturday"], "from": "22:00", "to": "06:00"})),
            "`windows[0].days`: write at least one of mon",
        ),
        (window(json!({"from": "22", "to": "06:00"})), "`windows[0].from`"),
        (
            window(json!({"from": "22:00", "to": "22:00"})),
            "`windows[0].to`: write another time",
        ),
        (window(json!({"from": "22:00"})), "`windows[0].to`: give this"),
        (
            with(
                "windows",
                json!([{"from": "22:00", "to": "02:00"}, {"days": ["sun"], "from": "01:00", "to": "03:00"}]),
            ),
            "`windows[1]`: it is open while `windows[0]` is",
        ),
        (with("colour", json!(1)), "`colour`: no such field"),
        (with("paused", json!(null)), "`paused`"),
        (with("job", json!({})), "`job.select`: give this"),
        (with("job", json!([])), "`job`: write an object"),
        (
            of_job("not_before", json!("2030-01-01T00:00:00Z")),
            "`job.not_before`: leave it out",
        ),
        (of_job("expect", json!("0".repeat(32))), "`job.expect`: leave it out"),
        (
            of_job("target", json!("elsewhere")),
            "`job.target`: no target has this name",
        ),
        (
            of_job("select", json!({"ids": []})),
            "`job.select.ids`: give at least one id",
        ),
        (of_job("select", json!({"query": {"all": false}})), "`job.select.query"),
        (
            ago(json!({"ago": "3 months"})),
            &format!("{place}`: write a time of at most 36500d as `ago`"),
        ),
        (ago(json!({"ago": "-3d"})), place),
        (
            ago(json!({"ago": "90d", "as": "days"})),
            &format!("{place}.as`: write `seconds`"),
        ),
        (
            ago(json!({"ago": "90d", "colour": 1})),
            &format!("{place}.colour`: no such field"),
        ),
        (ago(json!({"as": "seconds"})), &format!("{place}.ago`: give this")),
        (ago(json!(["90d"])), &format!("{place}`: write a text")),
    ] {
        put(&app, "root", &body).await.refused(422, "invalid", says);
    }
    for field in ["cron", "time_zone", "job"] {
        let mut body = body();
        body.as_object_mut().expect("an object").remove(field);
        put(&app, "root", &body)
            .await
            .refused(422, "invalid", &format!("`{field}`: give this"));
    }
    put(&app, "root", &of_job("priority", json!("x")))
        .await
        .refused(422, "not-supported", "`priority`");
    for name in ["Nightly", "a%20b", "%00", &"x".repeat(65)] {
        app.send_json("root", "PUT", &format!("/v1/schedules/{name}"), &body())
            .await
            .refused(422, "invalid", "`name`: write 1 to 64");
    }
    let plain = request("root", "PUT", PATH).header("content-type", "text/plain");
    app.send(plain.body("{}".into()).expect("a request"))
        .await
        .refused(415, "media-type", "application/json");
    assert_eq!(app.get("root", "/v1/schedules").await.body["schedules"], json!([]));
}

#[tokio::test]
async fn a_schedule_that_is_due_makes_one_job_however_much_it_missed() {
    let app = app().await;
    assert_eq!(put(&app, "eraser", &body()).await.status, 201);
    assert_eq!(fired(&app).await, 0);
    miss(&app).await;
    assert_eq!((fired(&app).await, fired(&app).await), (1, 0));

    let lease = claimed(&app).await;
    let jobs = app.get("eraser", "/v1/jobs?schedule=nightly").await.body["jobs"].clone();
    let job = &jobs[0];
    assert_eq!(jobs.as_array().expect("a list").len(), 1);
    assert_eq!(
        (&job["id"], &job["schedule"], &job["principal"], &job["waits_for"]),
        (
            &json!(lease.job.id.to_string()),
            &json!("nightly"),
            &json!("eraser"),
            &json!(null)
        )
    );
    assert_eq!(
        app.get("eraser", "/v1/jobs?schedule=other").await.body["jobs"],
        json!([])
    );
    let schedule = app.get("eraser", PATH).await.body;
    assert_eq!(
        (&schedule["last_job"], &schedule["last_outcome"]),
        (&job["id"], &json!("fired"))
    );
    let next: Timestamp = schedule["next_run_at"]
        .as_str()
        .expect("a time")
        .parse()
        .expect("a time");
    let now = Clock::system().now();
    assert!(next > now && next <= now + 24.hours(), "{next}");
    let page = app.get("root", "/metrics").await.text;
    assert!(
        page.contains("lethe_schedule_runs_total{outcome=\"fired\"} 1"),
        "{page}"
    );

    // It has not ended: the next time is left out, and counted.
    miss(&app).await;
    assert_eq!(fired(&app).await, 1);
    assert!(claim(&app).await.is_empty());
    let schedule = app.get("eraser", PATH).await.body;
    assert_eq!(
        (&schedule["last_outcome"], &schedule["skipped"]),
        (&json!("skipped"), &json!(1))
    );
}

#[tokio::test]
async fn a_time_ago_is_counted_from_the_acceptance_of_each_job() {
    let app = app().await;
    let bound = |lease: &Lease| {
        let filter = json!(**lease.job.query.as_ref().expect("a query"));
        filter["range"]["bounds"]["lt"].clone()
    };
    let moment = |bound: Value| -> Timestamp { bound.as_str().expect("a text").parse().expect("a time") };
    let near = |at: Timestamp, days: i64| {
        let ago = Clock::system().now() - (days * 24).hours();
        assert!((at.as_second() - ago.as_second()).abs() < 60, "{at}");
    };
    let select = json!({"query": {"range": {"created_at": {"lt": {"ago": "90d"}}}}});
    app.create("root", &json!({"select": select})).await.job();
    near(moment(bound(&claimed(&app).await)), 90);
    let select = json!({"query": {"range": {"created_at": {"lt": {"ago": "2w", "as": "seconds"}}}}});
    app.create("root", &json!({"select": select})).await.job();
    let seconds = bound(&claimed(&app).await).as_i64().expect("a number");
    near(Timestamp::from_second(seconds).expect("a time"), 14);

    // The schedule keeps how it was said.
    let written = put(&app, "root", &body()).await.body;
    assert_eq!(
        written["job"],
        json!({"dry_run": false, "select": body()["job"]["select"]})
    );
    miss(&app).await;
    assert_eq!(fired(&app).await, 1);
    near(moment(bound(&claimed(&app).await)), 90);

    let mixed = json!({"query": {"range": {"created_at": {"lt": {"ago": "90d"}, "gt": 1}}}});
    app.create("root", &json!({"select": mixed})).await.refused(
        422,
        "invalid",
        "the bounds of a range are numbers, or texts",
    );
    let equal = json!({"query": {"eq": {"created_at": {"ago": "90d"}}}});
    app.create("root", &json!({"select": equal}))
        .await
        .refused(422, "invalid", "`select.query.eq.created_at`");
}

#[tokio::test]
async fn the_same_request_with_a_time_ago_is_the_same_job() {
    let app = app().await;
    let body = json!({"select": {"query": {"range": {"created_at": {"lt": {"ago": "1s"}}}}}});
    let key = [("idempotency-key", "k")];
    let job = app.create_with("root", &body, &key).await.job();
    assert_eq!(app.create_with("root", &body, &key).await.job(), job);
    let other = json!({"select": {"query": {"range": {"created_at": {"lt": {"ago": "2s"}}}}}});
    app.create_with("root", &other, &key)
        .await
        .refused(422, "key-reused", "");
}

#[tokio::test]
async fn what_a_paused_schedule_misses_is_caught_up_once() {
    let app = app().await;
    put(&app, "root", &with("paused", json!(true))).await;
    miss(&app).await;
    assert_eq!((fired(&app).await, app.count().await), (0, 0));
    let resumed = app.post("root", &format!("{PATH}/resume")).await.body;
    let next: Timestamp = resumed["next_run_at"]
        .as_str()
        .expect("a time")
        .parse()
        .expect("a time");
    assert!(next < Clock::system().now(), "what it missed is there to be seen");
    assert_eq!((fired(&app).await, fired(&app).await, app.count().await), (1, 0, 1));
}

#[tokio::test]
async fn a_schedule_whose_key_opens_it_no_longer_is_refused_at_its_time() {
    let app = app().await;
    let made = json!({"name": "temp", "scopes": ["memories:delete:any"]});
    let made = app.send_json("root", "POST", "/v1/keys", &made).await;
    let key = made.body["key"].as_str().expect("a key").to_owned();
    assert_eq!(put(&app, &key, &body()).await.status, 201);
    let revoke = request("root", "DELETE", "/v1/keys/temp").body(Body::empty());
    assert_eq!(app.send(revoke.expect("a request")).await.status, 204);
    miss(&app).await;
    assert_eq!((fired(&app).await, fired(&app).await, app.count().await), (1, 0, 0));
    let schedule = app.get("root", PATH).await.body;
    assert_eq!(
        (&schedule["last_outcome"], &schedule["refused"]),
        (&json!("refused"), &json!(1))
    );
    assert!(
        schedule["last_problem"]
            .as_str()
            .expect("a text")
            .contains("its principal are gone")
    );

    // A key of the same name that opens less opens no more here.
    let less = json!({"name": "temp", "scopes": ["memories:delete"]});
    assert_eq!(app.send_json("root", "POST", "/v1/keys", &less).await.status, 201);
    miss(&app).await;
    assert_eq!((fired(&app).await, app.count().await), (1, 0));
    let schedule = app.get("root", PATH).await.body;
    assert!(
        schedule["last_problem"]
            .as_str()
            .expect("a text")
            .contains("name the owner")
    );
    let page = app.get("root", "/metrics").await.text;
    assert!(
        page.contains("lethe_schedule_runs_total{outcome=\"refused\"} 2"),
        "{page}"
    );
}

#[tokio::test]
async fn a_schedule_that_a_token_wrote_reaches_no_further_than_the_token_did() {
    let issuer = issuer("allow_scopes = [\"memories:delete\"]");
    let app = App::in_env(&format!("{MAIN}\n{issuer}"), &[("JWT_SECRET", SECRET)]).await;
    let token = signed(&claims(&json!({})));
    let mut asked = body();
    asked["job"] = json!({"select": {"subject": {"user_id": "ana"}}});
    let answer = put(&app, &token, &asked).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    miss(&app).await;
    assert_eq!(fired(&app).await, 1);
    let lease = claimed(&app).await;
    let subject = lease.job.subject.as_ref().expect("a subject");
    assert_eq!(subject.user_id.as_deref(), Some("ana"));
    // Of an issuer that is not known any more nothing is believed.
    let mut record = stored(&app).await.schedule;
    record.principal = record.principal.replacen("jwt:", "jwt:former-", 1);
    (record.name, record.next_run_at) = ("former".to_owned(), 1_000);
    assert!(app.ledger.add_schedule(&record).await.expect("the ledger answers"));
    assert_eq!((fired(&app).await, app.count().await), (1, 1));
    let refused = app.get("root", "/v1/schedules/former").await.body;
    assert_eq!(refused["last_outcome"], "refused", "{refused}");
    asked["job"] = json!({"select": {"subject": {"user_id": "ben"}}});
    put(&app, &token, &asked)
        .await
        .refused(403, "forbidden", "name yourself");
}

#[tokio::test]
async fn a_time_stays_due_while_too_many_jobs_are_unfinished() {
    let app = App::with(&format!("api.max_queue = 1\n{MAIN}")).await;
    let mut asked = body();
    asked["job"] = json!({"select": {"ids": ["a"]}});
    assert_eq!(put(&app, "root", &asked).await.status, 201);
    let job = job_of(&app, "root", "main").await;
    miss(&app).await;
    assert_eq!(fired(&app).await, 0);
    assert_eq!(stored(&app).await.last_outcome, None);
    app.ledger.cancel(job).await.expect("the ledger answers");
    // The count is believed for a second.
    let start = std::time::Instant::now();
    while fired(&app).await == 0 {
        assert!(start.elapsed().as_secs() < 30, "it stays due");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_preview_counts_now_and_is_no_run() {
    let app = app().await;
    put(&app, "root", &with("windows", closed())).await;
    let answer = app.post("root", &format!("{PATH}/preview")).await;
    let id = answer.job();
    assert_eq!(
        (
            &answer.body["dry_run"],
            &answer.body["schedule"],
            &answer.body["waits_for"]
        ),
        (&json!(true), &json!("nightly"), &json!(null))
    );
    let lease = claimed(&app).await;
    assert_eq!((lease.job.id, lease.kind.as_str()), (id, "preview"));
    let schedule = app.get("root", PATH).await.body;
    assert_eq!(
        (&schedule["last_job"], &schedule["last_run_at"]),
        (&json!(null), &json!(null))
    );
    // It has not ended, and keeps nobody from running.
    miss(&app).await;
    assert_eq!(fired(&app).await, 1);
    assert_eq!(app.get("root", PATH).await.body["last_outcome"], "fired");

    // In the name of whoever asks, who has to be allowed to erase.
    app.post("operator", &format!("{PATH}/preview"))
        .await
        .refused(403, "forbidden", "memories:delete");
    let theirs = app.post("eraser", &format!("{PATH}/preview")).await;
    assert_eq!(theirs.body["principal"], "eraser");
    let with_body = app
        .send_json("root", "POST", &format!("{PATH}/preview"), &json!({}))
        .await;
    with_body.refused(422, "invalid", "send no body");
}

#[tokio::test]
async fn a_job_waits_for_the_window_of_its_schedule() {
    let app = app().await;
    let mut waiting = with("windows", closed());
    waiting["time_zone"] = json!("UTC");
    put(&app, "root", &waiting).await;
    miss(&app).await;
    assert_eq!(fired(&app).await, 1);
    assert!(claim(&app).await.is_empty());
    let job = app.get("root", "/v1/jobs?schedule=nightly").await.body["jobs"][0].clone();
    assert_eq!((&job["state"], &job["waits_for"]), (&json!("queued"), &json!("window")));
    let next: Timestamp = job["next_attempt_at"]
        .as_str()
        .expect("a time")
        .parse()
        .expect("a time");
    let ahead = next.as_second() - Clock::system().now().as_second();
    assert!((10 * 3_600..=12 * 3_600).contains(&ahead), "{ahead}");

    assert_eq!(put(&app, "root", &body()).await.status, 200);
    assert_eq!(
        claimed(&app).await.job.id.to_string(),
        job["id"].as_str().expect("an id")
    );
    let id = job["id"].as_str().expect("an id");
    assert_eq!(
        app.get("root", &format!("/v1/jobs/{id}")).await.body["waits_for"],
        json!(null)
    );
}

#[tokio::test]
async fn a_schedule_is_seen_and_changed_as_jobs_are() {
    let app = app().await;
    assert_eq!(put(&app, "eraser", &body()).await.status, 201);
    // Who reads all sees it, and may not change it.
    let seen = app.get("other", PATH).await;
    assert_eq!(seen.status, 200);
    put(&app, "other", &body())
        .await
        .refused(403, "forbidden", "jobs:admin");
    delete(&app, "other").await.refused(403, "forbidden", "jobs:admin");
    app.post("reader", &format!("{PATH}/pause"))
        .await
        .refused(403, "forbidden", "jobs:admin");
    // Who sees it not learns that the name is taken, and nothing else.
    app.get("privacy", PATH).await.refused(404, "not-found", "");
    assert_eq!(app.get("privacy", "/v1/schedules").await.body["schedules"], json!([]));
    let mut theirs = body();
    theirs["job"] = json!({"select": {"subject": {"user_id": "ana"}}});
    put(&app, "privacy", &theirs)
        .await
        .refused(409, "name-taken", "another name");
    // Who may not ask for the job may not schedule it.
    put(&app, "reader", &body())
        .await
        .refused(403, "forbidden", "memories:delete");
    // Who takes it over runs it from then on.
    assert_eq!(app.post("operator", &format!("{PATH}/pause")).await.status, 200);
    put(&app, "operator", &body())
        .await
        .refused(403, "forbidden", "memories:delete");
    assert_eq!(put(&app, "root", &body()).await.body["principal"], "root");
    assert_eq!(delete(&app, "operator").await.status, 204);
}
