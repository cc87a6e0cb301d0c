//! Accepted jobs, and the answers to their requests.

use lethe_common::doorbell::Ring;
use lethe_common::job::Field;
use lethe_common::ledger::{AloneFirst, Claim, Lapsed, Lease, Route, SmallFirst, Work};
use serde_json::json;

use crate::app::{App, MAIN};

/// Claims all partitions, as a worker with every mapping would.
pub(crate) async fn claim(app: &App) -> Vec<Lease> {
    let routes: Vec<Route> = app
        .config
        .mappings()
        .map(|mapping| Route::to(mapping.target, mapping.table))
        .collect();
    let claim = Claim {
        worker: "test",
        routes: &routes,
        small: 100,
        alone: 100,
        lapsed: Lapsed::Counts,
        siblings: 0,
        small_first: SmallFirst::OfFew,
        alone_first: AloneFirst::Lightest,
    };
    let mut leases = app.ledger.claim(&claim).await.expect("the ledger answers").leases;
    leases.sort_by_key(|lease| lease.ordinal);
    leases
}

fn ids_of(lease: &Lease) -> Vec<&str> {
    match &lease.work {
        Work::Ids(ids) => ids.iter().map(String::as_str).collect(),
        _ => panic!("no ids"),
    }
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "a snapshot of the whole answer")]
async fn ids_are_accepted_without_their_repetitions_and_workers_are_rung() {
    let app = App::new().await;
    let mut rings = app.doorbell.subscribe();
    let asked = json!({"select": {"ids": ["b", "a", "b"]}, "owner": "alice", "workspace": "w", "per_second": 5});
    let answer = app.create("eraser", &asked).await;
    let id = answer.job();
    assert_eq!(rings.recv().await, Ring::Work);
    let mut shown = answer.body.clone();
    for varying in ["id", "accepted_at", "not_before", "next_attempt_at"] {
        assert!(shown[varying].is_string(), "{varying}");
        shown[varying] = json!("…");
    }
    let _sorted = crate::app::sorted();
    insta::assert_json_snapshot!(shown, @r#"
    {
      "accepted_at": "…",
      "attempt": 1,
      "attempts": [],
      "deadline": null,
      "dry_run": false,
      "ended_at": null,
      "error_code": null,
      "eta": null,
      "expect": null,
      "ground": null,
      "id": "…",
      "kind": "ids",
      "labels": {},
      "limit": null,
      "next_attempt_at": "…",
      "not_before": "…",
      "per_second": 5,
      "preview": null,
      "principal": "eraser",
      "progress": 0.0,
      "rate": null,
      "receipt": null,
      "reference": null,
      "remaining": 2,
      "round": 0,
      "schedule": null,
      "selected": 2,
      "snapshot": null,
      "started_at": null,
      "state": "queued",
      "stores": [
        {
          "counts": {
            "absent": 0,
            "conflicted": 0,
            "erased": 0,
            "failed": 0,
            "held": 0,
            "left": 0,
            "residue": 0,
            "unsupported": 0,
            "unverifiable": 0
          },
          "dependents": {},
          "store": "sql",
          "target": "main"
        },
        {
          "counts": {
            "absent": 0,
            "conflicted": 0,
            "erased": 0,
            "failed": 0,
            "held": 0,
            "left": 0,
            "residue": 0,
            "unsupported": 0,
            "unverifiable": 0
          },
          "dependents": {},
          "store": "vector",
          "target": "main"
        }
      ],
      "table": "memories",
      "target": "main",
      "version": 1,
      "waits_for": null,
      "warnings": []
    }
    "#);
    let read = app.get("eraser", &format!("/v1/jobs/{id}")).await.body;
    for field in [
        "state",
        "kind",
        "target",
        "table",
        "selected",
        "remaining",
        "stores",
        "version",
        "principal",
    ] {
        assert_eq!(read[field], answer.body[field], "{field}");
    }
    let leases = claim(&app).await;
    assert_eq!(leases.len(), 1);
    assert_eq!(ids_of(&leases[0]), ["b", "a"]);
    assert_eq!(leases[0].job.owner.as_deref(), Some("alice"));
    assert_eq!(leases[0].job.workspace.as_deref(), Some("w"));
    assert_eq!(leases[0].job.per_second, Some(5.0));
}

#[tokio::test]
async fn many_ids_become_partitions_of_one_batch_each() {
    let app = App::with(&format!("worker.batch = 2\n{MAIN}")).await;
    app.create("eraser", &json!({"select": {"ids": ["1", "2", "3", "4", "5"]}}))
        .await
        .job();
    let leases = claim(&app).await;
    let parts: Vec<_> = leases.iter().map(ids_of).collect();
    assert_eq!(parts, [vec!["1", "2"], vec!["3", "4"], vec!["5"]]);
}

#[tokio::test]
async fn a_person_is_looked_for_in_every_table() {
    let app = App::with(
        r#"
        [[target]]
        name = "one"
        sql = { url = "sqlite://one.sqlite" }
        [[target.table]]
        name = "memories"
        columns = { id = "id", user = "user_id" }
        [[target.table]]
        name = "notes"
        columns = { id = "id", user = "user_id" }
        [[target]]
        name = "two"
        vector = { url = "http://localhost:6334" }
        [[target.table]]
        name = "memories"
        collection = { name = "memories", point = "uuid", payload = { user = "user_id" } }
        "#,
    )
    .await;
    let by = |extra: serde_json::Value| {
        let mut body = json!({"select": {"subject": {"user_id": "alice"}}});
        body.as_object_mut()
            .expect("an object")
            .extend(extra.as_object().expect("an object").clone());
        body
    };
    let all = app.create("privacy", &by(json!({}))).await;
    all.job();
    assert_eq!(all.body["kind"], "subject");
    assert_eq!(all.body["target"], json!(null));
    assert_eq!(all.body["stores"].as_array().expect("a list").len(), 2);
    let leases = claim(&app).await;
    assert_eq!(leases.len(), 3);
    for lease in &leases {
        let subject = lease.job.subject.as_ref().expect("a subject");
        assert_eq!(subject.fields().collect::<Vec<_>>(), [(Field::User, "alice")]);
    }
    let one = app.create("privacy", &by(json!({"target": "one"}))).await;
    one.job();
    assert_eq!(one.body["target"], "one");
    assert_eq!(claim(&app).await.len(), 2);
    app.create("privacy", &by(json!({"target": "one", "table": "notes"})))
        .await
        .job();
    let leases = claim(&app).await;
    assert_eq!(leases.len(), 1);
    assert_eq!(leases[0].route.table, "notes");
    app.create("privacy", &by(json!({"table": "notes"})))
        .await
        .refused(422, "invalid", "name one of `one`, `two`");
}

#[tokio::test]
async fn a_dry_run_says_what_it_found_and_waits_for_its_start() {
    let app = App::new().await;
    let at = "2999-01-01T00:00:00Z";
    let asked = json!({"select": {"ids": ["a"]}, "dry_run": true, "not_before": at});
    app.create("eraser", &asked)
        .await
        .refused(422, "invalid", "within a year");
    let soon = lethe_common::clock::Clock::system().now() + jiff::SignedDuration::from_hours(1);
    let asked = json!({"select": {"ids": ["a"]}, "dry_run": true, "not_before": soon.to_string()});
    let answer = app.create("eraser", &asked).await;
    answer.job();
    assert_eq!(answer.body["dry_run"], true);
    let counts = &answer.body["stores"][0]["counts"];
    assert_eq!((&counts["found"], &counts["left"]), (&json!(0), &json!(null)));
    assert!(claim(&app).await.is_empty(), "it is not due yet");
}

#[tokio::test]
async fn the_trace_and_the_request_s_id_are_kept() {
    let app = App::new().await;
    let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let asked = json!({"select": {"ids": ["a"]}});
    let headers = [("traceparent", trace), ("x-request-id", "mine-1")];
    let answer = app.create_with("eraser", &asked, &headers).await;
    answer.job();
    assert_eq!(answer.headers["x-request-id"], "mine-1");
    assert_eq!(claim(&app).await[0].job.trace.as_deref(), Some(trace));
    let answer = app
        .create_with("eraser", &asked, &[("traceparent", "x"), ("x-request-id", "a b")])
        .await;
    answer.job();
    assert_ne!(answer.headers["x-request-id"], "a b");
    assert_eq!(claim(&app).await[0].job.trace, None);
}

#[tokio::test]
async fn preferences_are_heeded_and_said() {
    let app = App::with(&format!("api.max_wait = \"1s\"\n{MAIN}")).await;
    let asked = json!({"select": {"ids": ["a"]}});
    let answer = app.create_with("eraser", &asked, &[("prefer", "respond-async")]).await;
    answer.job();
    assert_eq!(answer.headers["preference-applied"], "respond-async");
    // No worker runs: the wait ends without the job's end.
    let answer = app.create_with("eraser", &asked, &[("prefer", "wait=90")]).await;
    answer.job();
    assert_eq!(answer.headers["preference-applied"], "wait=1");
    assert_eq!(answer.body["state"], "queued");
}
