//! Deadlines of jobs: regimes, arrivals, lists, metrics and extensions.

use axum::body::Body;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan as _, Unit};
use lethe_common::clock::Clock;
use serde_json::{Value, json};

use crate::app::{App, MAIN, request};
use crate::audit::trail;

/// An installation with rules of its own.
fn with_rules() -> String {
    let regime = |name: &str, more: &str| format!("[[deadlines.regime]]\nname = \"{name}\"\nwithin = \"10d\"\n{more}");
    let (firm, kind) = (regime("firm", ""), regime("kind", "extension = \"5d\"\n"));
    format!("{MAIN}\n{firm}{kind}")
}

fn now() -> Timestamp {
    Clock::system().now().round(Unit::Second).expect("a time of today")
}

fn ago(days: i64) -> Timestamp {
    now() - SignedDuration::from_hours(24 * days)
}

/// Returns a deletion of a person with these fields.
fn person(fields: &Value) -> Value {
    with(json!({"select": {"subject": {"user_id": "ana"}}}), fields)
}

fn with(mut body: Value, fields: &Value) -> Value {
    for (name, value) in fields.as_object().into_iter().flatten() {
        body[name] = value.clone();
    }
    body
}

fn time(value: &Value) -> Timestamp {
    value.as_str().and_then(|text| text.parse().ok()).expect("a time")
}

/// Returns the moment that is so many calendar months after another.
fn months_after(at: Timestamp, months: i64) -> Timestamp {
    let zoned = at.to_zoned(TimeZone::UTC).checked_add(months.months());
    zoned.expect("a time of this century").timestamp()
}

#[tokio::test]
async fn a_job_by_person_is_due_in_a_month_and_another_job_when_it_says_so() {
    let app = App::new().await;
    let made = app.create("privacy", &person(&json!({}))).await;
    let (id, deadline) = (made.job(), &made.body["deadline"]);
    assert_eq!(deadline["regulation"], "gdpr", "{}", made.text);
    assert_eq!(deadline["status"], "in_time");
    let received = time(&deadline["received_at"]);
    assert_eq!(time(&deadline["due_at"]), months_after(received, 1));
    let read = app.get("privacy", &format!("/v1/jobs/{id}")).await.body;
    assert_eq!(&read["deadline"], deadline);
    assert_eq!(read["ground"], Value::Null);

    for (fields, due) in [
        (json!({}), None),
        (json!({"regulation": "none"}), None),
        (json!({"regulation": "gdpr"}), Some(months_after(now(), 1))),
        (json!({"ground": "17(1)(a)"}), Some(months_after(now(), 1))),
        (
            json!({"received_at": ago(3).to_string()}),
            Some(months_after(ago(3), 1)),
        ),
        (
            json!({"regulation": "ccpa", "received_at": ago(1).to_string()}),
            Some(ago(1) + SignedDuration::from_hours(45 * 24)),
        ),
    ] {
        let asked = with(json!({"select": {"ids": ["x"]}}), &fields);
        let made = app.create("eraser", &asked).await;
        let deadline = &made.body["deadline"];
        match due {
            None => assert_eq!(*deadline, Value::Null, "{fields}"),
            Some(due) => {
                let apart = time(&deadline["due_at"]).duration_since(due).abs();
                // The clock of the test goes on meanwhile. A month's end may come.
                assert!(apart < SignedDuration::from_hours(96), "{fields}: {}", made.text);
            }
        }
    }
    let dry = app
        .create("privacy", &person(&json!({"dry_run": true, "regulation": "gdpr"})))
        .await;
    assert_eq!(dry.body["deadline"], Value::Null, "{}", dry.text);
    let off = App::with(&format!("{MAIN}\n[deadlines]\ndefault = \"none\"")).await;
    let made = off.create("privacy", &person(&json!({"ground": "17(1)(f)"}))).await;
    assert_eq!(
        (&made.body["deadline"], &made.body["ground"]),
        (&Value::Null, &json!("17(1)(f)"))
    );
}

#[tokio::test]
async fn an_upload_has_a_deadline_and_a_schedule_counts_from_its_runs() {
    let app = App::new().await;
    let received = ago(2);
    let query = format!("?regulation=gdpr&ground=17(1)(b)&received_at={received}");
    let made = app.upload(&query, &[], "\"a\"\n").await;
    let deadline = &made.body["deadline"];
    assert_eq!(time(&deadline["received_at"]), received, "{}", made.text);
    assert_eq!(time(&deadline["due_at"]), months_after(received, 1));
    assert_eq!(made.body["ground"], "17(1)(b)");

    let mut schedule = json!({"cron": "0 3 * * *", "time_zone": "UTC", "job": person(&json!({"regulation": "gdpr"}))});
    let put = app.send_json("root", "PUT", "/v1/schedules/x", &schedule).await;
    assert_eq!(put.status, 201, "{}", put.text);
    schedule["job"]["received_at"] = json!(received.to_string());
    app.send_json("root", "PUT", "/v1/schedules/y", &schedule)
        .await
        .refused(422, "invalid", "the deadline of each job counts from its run");
}

#[tokio::test]
async fn what_no_law_knows_is_refused() {
    let app = App::with(&with_rules()).await;
    let tomorrow = (now() + SignedDuration::from_hours(24)).to_string();
    for (fields, says) in [
        (
            json!({"regulation": "hipaa"}),
            "write `gdpr`, `ccpa`, `firm`, `kind` or `none`",
        ),
        (json!({"ground": "17(1)(g)"}), "write one of `17(1)(a)`"),
        (json!({"received_at": tomorrow}), "it has passed"),
        (
            json!({"received_at": "1999-01-01T00:00:00Z"}),
            "less than ten years ago",
        ),
        (json!({"received_at": "yesterday"}), "RFC 3339"),
        (
            json!({"regulation": "none", "received_at": ago(1).to_string()}),
            "name a `regulation`",
        ),
    ] {
        app.create("privacy", &person(&fields))
            .await
            .refused(422, "invalid", says);
    }
    assert_eq!(app.count().await, 0);
}

#[tokio::test]
async fn what_is_due_is_listed_and_counted() {
    let app = App::new().await;
    let create = async |received: Timestamp| {
        let fields = json!({"received_at": received.to_string()});
        app.create("privacy", &person(&fields)).await
    };
    let overdue = create(ago(60)).await;
    assert_eq!(overdue.body["deadline"]["status"], "overdue", "{}", overdue.text);
    let soon = create(ago(27)).await;
    assert_eq!(soon.body["deadline"]["status"], "soon", "{}", soon.text);
    let later = create(now()).await;
    app.accepted("eraser").await;
    let (overdue, soon, later) = (overdue.job(), soon.job(), later.job());
    let listed = async |query: &str| {
        let list = app.get("root", &format!("/v1/jobs?{query}")).await;
        let jobs = list.body["jobs"].as_array().expect(&list.text).iter();
        jobs.map(|job| job["id"].as_str().expect("an id").to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(listed("overdue=true").await, [overdue.to_string()]);
    let in_a_week = now() + SignedDuration::from_hours(7 * 24);
    assert_eq!(
        listed(&format!("due_before={in_a_week}")).await,
        [soon, overdue].map(|id| id.to_string())
    );
    // Both filters hold.
    assert_eq!(
        listed(&format!("overdue=true&due_before={in_a_week}")).await,
        [overdue.to_string()]
    );
    let all = [later, soon, overdue].map(|id| id.to_string());
    let far = now() + SignedDuration::from_hours(90 * 24);
    assert_eq!(listed(&format!("due_before={far}")).await, all);
    // `false` is no filter, also for an act on all matching jobs.
    let unfiltered = listed("").await;
    assert_eq!((unfiltered.len(), listed("overdue=false").await), (4, unfiltered));
    app.post("operator", "/v1/jobs/cancel?overdue=false&dry_run=true")
        .await
        .refused(422, "invalid", "name a filter");
    for wrong in ["overdue=1", "overdue=", "due_before=soon"] {
        app.get("root", &format!("/v1/jobs?{wrong}"))
            .await
            .refused(422, "invalid", "write");
    }
    let metrics = app.get("scraper", "/metrics").await.text;
    for line in ["lethe_jobs_overdue 1", "lethe_jobs_due_soon 1"] {
        assert!(metrics.lines().any(|shown| shown == line), "{line}: {metrics}");
    }
    let csv = app
        .send(
            request("root", "GET", "/v1/jobs?overdue=true")
                .header("accept", "text/csv")
                .body(Body::empty())
                .expect("a request"),
        )
        .await;
    assert!(
        csv.text.contains(",gdpr,") && csv.text.contains(",overdue,"),
        "{}",
        csv.text
    );
    app.post("operator", &format!("/v1/jobs/{overdue}/cancel")).await;
    assert_eq!(listed("overdue=true").await, [""; 0]);
    let ended = app.get("root", &format!("/v1/jobs/{overdue}")).await.body;
    assert_eq!(ended["deadline"]["status"], "not_done");
}

#[tokio::test]
async fn a_deadline_is_extended_as_far_as_its_regime_allows_and_once() {
    let app = App::with(&with_rules()).await;
    let received = ago(5);
    let create = async |regulation: &str, received: Timestamp| {
        let fields = json!({"regulation": regulation, "received_at": received.to_string()});
        app.create("privacy", &person(&fields)).await.job()
    };
    let extend = async |id, extend: Value| {
        let path = format!("/v1/jobs/{id}");
        app.send_json("operator", "PATCH", &path, &json!({"extend": extend}))
            .await
    };
    let gdpr = create("gdpr", received).await;
    let latest = months_after(received, 3);
    let beyond = latest + SignedDuration::from_secs(1);
    for (asked, says) in [
        (
            json!({"reason": "complexity", "until": beyond.to_string()}),
            "at the latest",
        ),
        (
            json!({"reason": "complexity", "until": months_after(received, 1).to_string()}),
            "write a time after",
        ),
        (json!({"reason": "complexity", "until": "later"}), "RFC 3339"),
        (
            json!({"reason": "holidays"}),
            "write `complexity` or `number_of_requests`",
        ),
        (json!({}), "reason"),
        (json!(["complexity"]), "write an object"),
    ] {
        extend(gdpr, asked).await.refused(422, "invalid", says);
    }
    let both = json!({"per_second": 1, "extend": {"reason": "complexity"}});
    let path = format!("/v1/jobs/{gdpr}");
    app.send_json("operator", "PATCH", &path, &both)
        .await
        .refused(422, "invalid", "give only one");
    app.send_json("reader", "PATCH", &path, &json!({"extend": {"reason": "complexity"}}))
        .await
        .refused(403, "forbidden", "");

    let done = extend(gdpr, json!({"reason": "complexity"})).await;
    assert_eq!(done.status, 200, "{}", done.text);
    let deadline = &done.body["deadline"];
    assert_eq!(time(&deadline["due_at"]), latest, "{}", done.text);
    assert_eq!(time(&deadline["extended_from"]), months_after(received, 1));
    assert_eq!(deadline["extension"], "complexity");
    extend(gdpr, json!({"reason": "complexity"}))
        .await
        .refused(409, "not-extendable", "it is extended once");
    let events = trail(&app).await;
    let event = events.iter().find(|event| event.act == "job.extend").expect("an event");
    assert_eq!(event.details["reason"], "complexity");
    assert_eq!(event.details["until"], latest.to_string());

    let own = create("kind", received).await;
    let until = received + SignedDuration::from_hours(12 * 24);
    let done = extend(own, json!({"reason": "number_of_requests", "until": until.to_string()})).await;
    assert_eq!(time(&done.body["deadline"]["due_at"]), until, "{}", done.text);

    let firm = create("firm", received).await;
    let overdue = create("kind", ago(11)).await;
    let none = app.accepted("eraser").await;
    let asked = json!({"reason": "complexity"});
    for (id, says) in [
        (firm, "allows no extension"),
        (overdue, "the deadline has passed"),
        (none, "the job has no deadline"),
    ] {
        extend(id, asked.clone()).await.refused(409, "not-extendable", says);
    }
    let ended = create("gdpr", received).await;
    app.post("operator", &format!("/v1/jobs/{ended}/cancel")).await;
    extend(ended, asked)
        .await
        .refused(409, "job-ended", "the job is cancelled");
}
