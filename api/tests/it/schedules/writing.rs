//! Writing schedules: accepted and refused ones, and the rights to see and change them.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{PATH, app, body, delete, put, with};
use crate::app::{App, MAIN, request};

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
    // In IANA's spelling.
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
        (next.weekday().to_monday_zero_offset(), next.hour(), next.minute() % 10),
        // The first of these minutes, unless it is that hour now.
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

/// Returns a schedule with another value in its job.
fn job_with(field: &str, value: Value) -> Value {
    let mut body = body();
    body["job"][field] = value;
    body
}

#[tokio::test]
async fn a_schedule_that_makes_no_sense_is_refused_before_anything_is_stored() {
    let app = app().await;
    let window = |window: Value| with("windows", json!([window]));
    let ago = |bound: Value| {
        let query = json!({"range": {"created_at": {"lt": bound}}});
        job_with("select", json!({"query": query}))
    };
    let place = "`job.select.query.range.created_at.lt";
    for (body, says) in [
        (with("cron", json!("often")), "`cron`: write five fields"),
        (with("cron", json!("* * * * * * 2030")), "`cron`"),
        (with("cron", json!("0 3 31 2 *")), "`cron`: write another expression"),
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
        (window(json!({"from": "22:00"})), "`windows[0].to`: write this field"),
        (
            with(
                "windows",
                json!([{"from": "22:00", "to": "02:00"}, {"days": ["sun"], "from": "01:00", "to": "03:00"}]),
            ),
            "`windows[1]`: merge it with `windows[0]`",
        ),
        (with("colour", json!(1)), "`colour`: unknown field"),
        (with("paused", json!(null)), "`paused`"),
        (with("job", json!({})), "`job.select`: write this field"),
        (with("job", json!([])), "`job`: write an object"),
        (
            job_with("not_before", json!("2030-01-01T00:00:00Z")),
            "`job.not_before`: leave it out",
        ),
        (job_with("expect", json!("0".repeat(32))), "`job.expect`: leave it out"),
        (
            job_with("target", json!("elsewhere")),
            "`job.target`: no target has this name",
        ),
        (
            job_with("select", json!({"ids": []})),
            "`job.select.ids`: give at least one id",
        ),
        (
            job_with("select", json!({"query": {"all": false}})),
            "`job.select.query",
        ),
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
            &format!("{place}.colour`: unknown field"),
        ),
        (
            ago(json!({"as": "seconds"})),
            &format!("{place}.ago`: write this field"),
        ),
        (ago(json!(["90d"])), &format!("{place}`: write a text")),
    ] {
        put(&app, "root", &body).await.refused(422, "invalid", says);
    }
    for field in ["cron", "time_zone", "job"] {
        let mut body = body();
        body.as_object_mut().expect("an object").remove(field);
        put(&app, "root", &body)
            .await
            .refused(422, "invalid", &format!("`{field}`: write this field"));
    }
    put(&app, "root", &job_with("priority", json!("x")))
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
async fn a_schedule_is_seen_and_changed_as_jobs_are() {
    let app = app().await;
    assert_eq!(put(&app, "eraser", &body()).await.status, 201);
    // A caller that reads all jobs sees it, and may not change it.
    let seen = app.get("other", PATH).await;
    assert_eq!(seen.status, 200);
    put(&app, "other", &body())
        .await
        .refused(403, "forbidden", "jobs:admin");
    delete(&app, "other").await.refused(403, "forbidden", "jobs:admin");
    app.post("reader", &format!("{PATH}/pause"))
        .await
        .refused(403, "forbidden", "jobs:admin");
    // A caller without the right to see it learns only that the name is taken.
    app.get("privacy", PATH).await.refused(404, "not-found", "");
    assert_eq!(app.get("privacy", "/v1/schedules").await.body["schedules"], json!([]));
    let mut theirs = body();
    theirs["job"] = json!({"select": {"subject": {"user_id": "ana"}}});
    put(&app, "privacy", &theirs)
        .await
        .refused(409, "name-taken", "another name");
    // A caller without the right to the job may not schedule it.
    put(&app, "reader", &body())
        .await
        .refused(403, "forbidden", "memories:delete");
    // A caller that replaces the schedule is its principal from then on.
    assert_eq!(app.post("operator", &format!("{PATH}/pause")).await.status, 200);
    put(&app, "operator", &body())
        .await
        .refused(403, "forbidden", "memories:delete");
    assert_eq!(put(&app, "root", &body()).await.body["principal"], "root");
    assert_eq!(delete(&app, "operator").await.status, 204);
}

#[tokio::test]
async fn a_caller_has_so_many_schedules_and_leaves_others_theirs() {
    let app = App::with(&format!("api.max_schedules_per_caller = 2\n{MAIN}")).await;
    let job = json!({"select": {"subject": {"user_id": "ana"}}});
    let schedule = json!({"cron": "0 3 * * *", "time_zone": "UTC", "job": job});
    let put = async |who: &str, name: &str| {
        let path = format!("/v1/schedules/{name}");
        app.send_json(who, "PUT", &path, &schedule).await
    };
    for (who, name) in [("root", "a"), ("root", "b"), ("privacy", "c")] {
        assert_eq!(put(who, name).await.status, 201, "{who} {name}");
    }
    let answer = put("root", "d").await;
    answer.refused(409, "too-many-schedules", "may have 2 (`api.max_schedules_per_caller`)");
    assert!(!answer.headers.contains_key("retry-after"), "waiting does not help");
    // A schedule of another caller would become its own.
    put("root", "c").await.refused(409, "too-many-schedules", "");
    assert_eq!(app.get("root", "/v1/schedules/c").await.body["principal"], "privacy");
    assert_eq!(app.get("root", "/v1/schedules/d").await.status, 404);
    assert_eq!(put("root", "a").await.status, 200, "it may replace its own");
    assert_eq!(put("privacy", "d").await.status, 201, "others have their own limit");

    let remove = request("root", "DELETE", "/v1/schedules/b").body("".into());
    assert_eq!(app.send(remove.expect("a request")).await.status, 204);
    assert_eq!(put("root", "c").await.status, 200);
    assert_eq!(app.get("root", "/v1/schedules/c").await.body["principal"], "root");
    put("root", "e").await.refused(409, "too-many-schedules", "");

    let unlimited = App::with(&format!("api.max_schedules_per_caller = 0\n{MAIN}")).await;
    for name in ["a", "b", "c"] {
        let path = format!("/v1/schedules/{name}");
        assert_eq!(unlimited.send_json("root", "PUT", &path, &schedule).await.status, 201);
    }
}
