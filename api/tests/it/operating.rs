//! Cancelling, retrying and pausing, and the state of targets and workers.

use lethe_common::doorbell::Ring;
use lethe_common::ledger::{Route, WorkerReport};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::accepting::claim;
use crate::app::{Answer, App};
use crate::callers::TWO;

#[tokio::test]
async fn a_job_is_cancelled_once_and_tried_again() {
    let app = App::new().await;
    let id = app.accepted("eraser").await;
    let (cancel, retry) = (format!("/v1/jobs/{id}/cancel"), format!("/v1/jobs/{id}/retry"));
    app.post("operator", &retry)
        .await
        .refused(409, "job-not-ended", "the job is queued");
    let mut rings = app.doorbell.subscribe();
    let answer = app.post("operator", &cancel).await;
    assert_eq!(
        (answer.status.as_u16(), &answer.body["state"]),
        (202, &json!("cancelled")),
        "{}",
        answer.text
    );
    assert_eq!(
        [rings.recv().await, rings.recv().await],
        [Ring::Changed(id), Ring::Work]
    );
    assert!(claim(&app).await.is_empty());
    app.post("operator", &cancel)
        .await
        .refused(409, "job-ended", "the job is cancelled");
    let answer = app.post("operator", &retry).await;
    assert_eq!(
        (answer.status.as_u16(), &answer.body["state"]),
        (202, &json!("queued")),
        "{}",
        answer.text
    );
    assert_eq!(answer.body["attempt"], 2);
    assert!([rings.recv().await, rings.recv().await].contains(&Ring::Work));
    assert_eq!(claim(&app).await.len(), 1);
    // The job has begun: its worker finishes the batch under way.
    assert_eq!(app.post("operator", &cancel).await.body["state"], "cancelling");
    assert_eq!(app.post("operator", &cancel).await.status, 202);
    let nowhere = Uuid::now_v7();
    for end in ["cancel", "retry"] {
        app.post("operator", &format!("/v1/jobs/{nowhere}/{end}"))
            .await
            .refused(404, "not-found", "");
    }
}

#[tokio::test]
async fn pauses_are_said_and_jobs_are_accepted_all_the_same() {
    let app = App::new().await;
    let answer = app.post("operator", "/v1/targets/main/pause").await;
    assert_eq!(answer.body, json!({"all": false, "targets": ["main"]}));
    let answer = app.post("operator", "/v1/pause").await;
    assert_eq!(answer.body, json!({"all": true, "targets": ["main"]}));
    app.accepted("eraser").await;
    assert!(claim(&app).await.is_empty());
    assert_eq!(
        app.get("reader", "/v1/targets").await.body["targets"][0]["paused"],
        true
    );
    let mut rings = app.doorbell.subscribe();
    app.post("operator", "/v1/resume").await;
    assert_eq!(rings.recv().await, Ring::Work);
    assert!(claim(&app).await.is_empty(), "the target is paused by itself");
    let answer = app.post("operator", "/v1/targets/main/resume").await;
    assert_eq!(answer.body, json!({"all": false, "targets": []}));
    assert_eq!(claim(&app).await.len(), 1);
    app.post("operator", "/v1/targets/elsewhere/pause")
        .await
        .refused(404, "not-found", "no target has this name");
}

#[tokio::test]
async fn targets_and_workers_are_as_workers_report_them() {
    let app = App::new().await;
    let targets = app.get("reader", "/v1/targets").await;
    assert_eq!(
        targets.body["targets"][0]["tables"][0]["served_by"], 0,
        "{}",
        targets.text
    );
    let ready = app.get("scraper", "/readyz").await;
    assert_eq!(ready.status, 200, "an API is ready without workers");
    let unknown = json!({"name": "main", "served": false, "stores": {"sql": null, "vector": null}, "fits": null});
    assert_eq!(ready.body["targets"], json!([unknown]));
    assert_eq!(ready.body["dependencies"][0]["state"], "up");

    let mapping = app.config.mappings().next().expect("one mapping");
    let report = |name: &str, up: bool| WorkerReport {
        name: name.to_owned(),
        version: "1.2.3",
        slots: 4,
        routes: vec![Route::to(mapping.target, mapping.table)],
        siblings: Vec::new(),
        targets: json!({"main": {
            "stores": {"sql": {"up": up, "code": (!up).then_some("unavailable")}},
            "faults": [{"table": "memories", "fault": "the column `user_id` is missing"}],
        }}),
        claimed: up,
    };
    for (name, up) in [("w-1", true), ("w-2", false)] {
        app.ledger
            .report_worker(&report(name, up))
            .await
            .expect("the ledger answers");
    }
    let targets = app.get("reader", "/v1/targets").await;
    let _sorted = crate::app::sorted();
    insta::assert_json_snapshot!(targets.body, @r#"
    {
      "targets": [
        {
          "faults": [
            {
              "fault": "the column `user_id` is missing",
              "table": "memories"
            }
          ],
          "name": "main",
          "paused": false,
          "stores": {
            "sql": {
              "codes": [
                "unavailable"
              ],
              "down": 1,
              "up": 1
            }
          },
          "tables": [
            {
              "name": "memories",
              "served_by": 2,
              "stores": [
                "sql",
                "vector"
              ]
            }
          ],
          "trouble": null
        }
      ]
    }
    "#);
    let workers = app.get("reader", "/v1/workers").await.body;
    assert_eq!(workers["workers"].as_array().expect("a list").len(), 2);
    assert_eq!(
        (&workers["workers"][0]["name"], &workers["workers"][0]["slots"]),
        (&json!("w-1"), &json!(4))
    );
    assert!(workers["workers"][0]["last_claim_at"].is_string(), "{workers}");
    let one_reaches_it =
        json!({"name": "main", "served": true, "stores": {"sql": "up", "vector": null}, "fits": false});
    let ready = readiness(&app, |ready| ready["targets"] == json!([one_reaches_it])).await;
    assert!(!ready.text.contains("unavailable") && !ready.text.contains("user_id"));
}

#[tokio::test]
async fn a_target_whose_store_is_down_is_said_without_a_key_and_makes_no_api_unready() {
    let app = App::new().await;
    for (sql, vector, stores, fits) in [
        (true, true, json!({"sql": "up", "vector": "up"}), json!(true)),
        (false, true, json!({"sql": "down", "vector": "up"}), json!(null)),
        (false, false, json!({"sql": "down", "vector": "down"}), json!(null)),
    ] {
        let report = WorkerReport {
            name: "w".to_owned(),
            version: "1.2.3",
            slots: 4,
            routes: Vec::new(),
            siblings: Vec::new(),
            targets: json!({"main": {"stores": {"sql": {"up": sql}, "vector": {"up": vector}}, "faults": []}}),
            claimed: false,
        };
        app.ledger.report_worker(&report).await.expect("the ledger answers");
        let is_so = |ready: &Value| {
            let target = &ready["targets"][0];
            (&target["stores"], &target["fits"]) == (&stores, &fits)
        };
        let ready = readiness(&app, is_so).await;
        assert_eq!((ready.status.as_u16(), &ready.body["ready"]), (200, &json!(true)));
    }
}

#[tokio::test]
async fn metrics_hold_the_totals_of_the_ledger_and_route_templates_only() {
    let app = App::new().await;
    let id = app.accepted("eraser").await;
    app.get("eraser", &format!("/v1/jobs/{id}")).await;
    app.get("eraser", "/v1/some-path-of-nobody?owner=alice").await;
    let metrics = app.get("scraper", "/metrics").await;
    for line in [
        "lethe_jobs_accepted_total 1",
        "lethe_jobs{state=\"queued\"} 1",
        "lethe_memories_remaining{target=\"main\"} 2",
        "lethe_target_unserved{target=\"main\"} 1",
        "lethe_workers_gone 0",
    ] {
        assert!(
            metrics.text.lines().any(|other| other == line),
            "{line} is not in\n{}",
            metrics.text
        );
    }
    assert!(metrics.text.contains("route=\"/v1/jobs/{id}\""), "{}", metrics.text);
    assert!(metrics.text.contains("route=\"unmatched\""), "{}", metrics.text);
    for secret in [id.to_string().as_str(), "some-path", "alice"] {
        assert!(
            !metrics.text.contains(secret) || metrics.text.contains(&format!("job_id=\"{secret}\"")),
            "{secret}"
        );
    }
}

#[tokio::test]
async fn the_pace_of_a_job_is_changed_until_it_has_ended() {
    let app = App::new().await;
    let id = app.accepted("eraser").await;
    let path = format!("/v1/jobs/{id}");
    let mut rings = app.doorbell.subscribe();
    for pace in [json!(20), json!(0.5), json!(null), json!(u32::MAX)] {
        let answer = app
            .send_json("operator", "PATCH", &path, &json!({"per_second": pace}))
            .await;
        assert_eq!(
            (answer.status.as_u16(), &answer.body["per_second"]),
            (200, &pace),
            "{}",
            answer.text
        );
        assert_eq!(
            [rings.recv().await, rings.recv().await],
            [Ring::Changed(id), Ring::Work]
        );
    }
    for (body, status, code) in [
        (json!({"per_second": 0}), 422, "invalid"),
        (json!({"per_second": -1}), 422, "invalid"),
        (json!({"per_second": "1"}), 422, "invalid"),
        (json!({}), 422, "invalid"),
        (json!([1]), 422, "invalid"),
        (json!({"per_second": 1, "deadline": "x"}), 422, "invalid"),
        (json!({"per_second": 1, "priority": "x"}), 422, "not-supported"),
    ] {
        app.send_json("operator", "PATCH", &path, &body)
            .await
            .refused(status, code, "");
    }
    for wrong in [json!("fast"), json!(0), json!(-0.5), json!(true), json!(1_u64 << 32)] {
        app.send_json("operator", "PATCH", &path, &json!({"per_second": wrong}))
            .await
            .refused(
                422,
                "invalid",
                "`per_second`: write a number above 0, of at most 4294967295",
            );
    }
    assert_eq!(app.get("operator", &path).await.body["per_second"], u32::MAX);
    app.post("operator", &format!("{path}/cancel")).await;
    app.send_json("operator", "PATCH", &path, &json!({"per_second": 1}))
        .await
        .refused(409, "job-ended", "the job is cancelled");
    let nowhere = format!("/v1/jobs/{}", Uuid::now_v7());
    app.send_json("operator", "PATCH", &nowhere, &json!({"per_second": 1}))
        .await
        .refused(404, "not-found", "");
}

#[tokio::test]
async fn who_shows_no_key_learns_whether_it_is_ready_and_not_what_it_has() {
    let app = App::with(TWO).await;
    for who in ["", "nobody"] {
        assert_eq!(app.get(who, "/readyz").await.body, json!({"ready": true}), "{who}");
    }
    let names = async |who: &str| {
        let ready = app.get(who, "/readyz").await.body;
        let targets = ready["targets"].as_array().expect("targets").iter();
        targets.map(|target| target["name"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(names("owner").await, ["main", "spare"]);
    let asked = json!({"name": "bound", "scopes": ["jobs:read"], "targets": ["spare"]});
    let made = app.send_json("root", "POST", "/v1/keys", &asked).await;
    assert_eq!(names(made.body["key"].as_str().expect("a key")).await, ["spare"]);
}

/// Asks for readiness, which the API checks once a second, until `is_so` holds.
async fn readiness(app: &App, is_so: impl Fn(&Value) -> bool) -> Answer {
    for _ in 0..3_000 {
        let ready = app.get("reader", "/readyz").await;
        if is_so(&ready.body) {
            return ready;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("it is not so: {}", app.get("reader", "/readyz").await.text);
}
