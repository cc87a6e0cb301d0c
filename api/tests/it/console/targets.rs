//! Targets: their mappings, their health, and their pauses.

use std::collections::BTreeMap;

use lethe_common::config::{PlaceKind, Sibling};
use lethe_common::ledger::{Route, WorkerReport};
use serde_json::{Value, json};

use super::browser::Browser;
use crate::app::{App, MAIN};

const PAGE: &str = "/console/targets";

/// Reports a worker that serves the table of these tests, and says this about the target.
async fn report(app: &App, target: Value) {
    let mapping = app.config.mappings().next().expect("one mapping");
    let report = WorkerReport {
        name: "w-1".to_owned(),
        version: "1.2.3",
        slots: 4,
        routes: vec![Route::to(mapping.target, mapping.table)],
        siblings: Vec::new(),
        targets: json!({"main": target}),
        claimed: true,
    };
    app.ledger.report_worker(&report).await.expect("the ledger answers");
}

#[tokio::test]
async fn a_target_is_told_with_its_mapping_its_health_and_its_faults() {
    let app = App::new().await;
    let reader = Browser::signed_in(&app, "reader").await;
    let page = reader.get(PAGE).await;
    assert_eq!(page.status, 200, "{}", page.text);
    for said in [
        "No worker serves it",
        "no worker has reported it",
        "table memories: id in id, owner in user_id, workspace in workspace_id",
        "collection memories: the id of a point is the id of its memory; payload: id in id, owner in user_id",
    ] {
        assert!(page.text.contains(said), "{said}: {}", page.text);
    }

    let stores = json!({"sql": {"up": true, "code": null}, "vector": {"up": false, "code": "unavailable"}});
    let faults = json!([{"table": "memories", "fault": "the column `user_id` is missing"}]);
    report(
        &app,
        json!({"stores": stores, "faults": faults, "met": "unavailable", "met_for_ms": 60_000, "next_in_ms": 5_000}),
    )
    .await;
    let page = reader.get(PAGE).await;
    for said in [
        "Served by 1 worker.",
        "reached by 1 of 1 worker",
        "no worker reaches it",
        "the column <code>user_id</code> is missing",
        "Calls to its stores fail since <time datetime=",
        "Next attempt: <time datetime=",
        "Start the store",
    ] {
        assert!(page.text.contains(said), "{said}: {}", page.text);
    }
    let trouble = app.get("reader", "/v1/targets").await.body["targets"][0]["trouble"].clone();
    let (since, next) = (trouble["since"].as_str(), trouble["next_attempt_at"].as_str());
    assert_eq!(trouble["code"], "unavailable");
    assert!(since.is_some() && since < next, "{trouble}");

    // After a call that succeeded.
    let well = json!({"sql": {"up": true}, "vector": {"up": true}});
    report(&app, json!({"stores": well, "faults": [], "met": null})).await;
    let page = reader.get(PAGE).await;
    assert!(!page.text.contains("Calls to its stores fail"), "{}", page.text);
    assert!(!page.text.contains("Faults"), "{}", page.text);
}

#[tokio::test]
async fn the_page_of_a_waiting_job_leads_to_its_target() {
    let app = App::new().await;
    let root = Browser::signed_in(&app, "root").await;
    let own = json!({"select": {"ids": ["a"]}, "owner": "ana"});
    let job = format!("/console/jobs/{}", app.create("owner", &own).await.job());
    assert!(root.get(PAGE).await.text.contains("<h2 id=\"target-main\">main"));
    let link = "href=\"/console/targets#target-main\"";

    let faults = json!([{"table": "memories", "fault": "the column `user_id` is missing"}]);
    report(&app, json!({"stores": {}, "faults": faults, "met": null})).await;
    let page = root.get(&job).await.text;
    for said in [
        "The mapping of <code>main/memories</code> does not fit its stores.",
        &format!("<a {link}>What to write instead is on the page of targets</a>"),
    ] {
        assert!(page.contains(said), "{said}: {page}");
    }
    for path in [&*job, "/console/jobs", "/"] {
        let page = root.get(path).await.text;
        assert!(
            page.contains("does not fit its stores") && !page.contains("/v1/targets"),
            "{path}: {page}"
        );
    }
    // A caller that may not read targets has no link to them.
    let page = Browser::signed_in(&app, "owner").await.get(&job).await.text;
    assert!(
        page.contains("does not fit its stores") && !page.contains(PAGE),
        "{page}"
    );

    let hangs = json!({"vector": {"up": false, "code": "timeout"}});
    report(
        &app,
        json!({"stores": hangs, "faults": [], "met": "timeout", "met_for_ms": 5_000}),
    )
    .await;
    let page = root.get(&job).await.text;
    let remedy = "It takes connections, and does not answer: restart it, or check the network to it. \
                  If it is only slow, raise worker.store_timeout.";
    assert!(page.contains(remedy) && page.contains(link), "{page}");

    assert_eq!(app.post("root", "/v1/targets/main/pause").await.status, 200);
    let page = root.get(&job).await.text;
    assert!(page.contains("Lift the pause") && page.contains(link), "{page}");
    assert_eq!(app.post("root", "/v1/targets/main/resume").await.status, 200);
    // A pause of everything is about no target.
    assert_eq!(app.post("root", "/v1/pause").await.status, 200);
    let page = root.get(&job).await.text;
    assert!(
        page.contains(&format!("<a href=\"{PAGE}\">Look at the targets</a>")) && !page.contains(link),
        "{page}"
    );
}

#[tokio::test]
async fn each_cause_is_one_condition_of_the_overview() {
    let app = App::new().await;
    let root = Browser::signed_in(&app, "root").await;
    for id in ["a", "b"] {
        app.create("root", &json!({"select": {"ids": [id]}})).await.job();
    }
    let page = root.get("/").await.text;
    assert_eq!(page.matches("<li class=").count(), 1, "{page}");
    assert!(page.contains("No worker has reported"), "{page}");

    let stores = json!({"sql": {"up": true, "code": null}, "vector": {"up": false, "code": "unavailable"}});
    let fault = |column: &str| json!({"table": "memories", "fault": format!("the column `{column}` is missing")});
    report(
        &app,
        json!({"stores": stores, "faults": [fault("a"), fault("b")], "met": null}),
    )
    .await;
    let page = root.get("/").await.text;
    assert_eq!(page.matches("<li class=\"bad\">").count(), 2, "{page}");
    for said in [
        "No worker reaches the vector store of main (unavailable).",
        "The mapping main/memories does not fit its stores. Waiting for it: 2 jobs.",
        "the column <code>a</code> is missing; the column <code>b</code> is missing",
    ] {
        assert!(page.contains(said), "{said}: {page}");
    }
    assert!(!page.contains("Waiting: "), "{page}");

    // The store is down, and the mapping fits.
    let down = json!({"stores": stores, "faults": [], "met": "unavailable", "met_for_ms": 5_000});
    report(&app, down).await;
    let page = root.get("/").await.text;
    assert_eq!(page.matches("<li class=").count(), 1, "{page}");
    let said = "No worker reaches the vector store of main (unavailable). Waiting for it: 2 jobs.";
    assert!(page.contains(said), "{page}");

    // More jobs than the overview reads.
    for n in 0..50 {
        let job = json!({"select": {"ids": [format!("more-{n}")]}});
        app.create("root", &job).await.job();
    }
    let page = root.get("/").await.text;
    assert!(page.contains("Waiting for it: at least 50 jobs."), "{page}");
}

#[tokio::test]
async fn one_target_and_everything_are_paused_and_resumed() {
    let app = App::new().await;
    let root = Browser::signed_in(&app, "root").await;
    let paused = async || app.get("root", "/v1/targets").await.body["targets"][0]["paused"].clone();
    for root_of in ["/console/targets/main", "/console"] {
        for (act, other, expected) in [("pause", "resume", true), ("resume", "pause", false)] {
            let answer = root.post(PAGE, &format!("{root_of}/{act}"), &[]).await;
            assert_eq!(
                (answer.status.as_u16(), &answer.headers["location"]),
                (303, &PAGE.parse().unwrap()),
                "{}",
                answer.text
            );
            assert_eq!(paused().await, expected, "{root_of}/{act}");
            let page = root.get(PAGE).await;
            let offers = |act: &str| page.text.contains(&format!("action=\"{root_of}/{act}\""));
            assert_eq!(
                (offers(act), offers(other)),
                (false, true),
                "{root_of}/{act}: {}",
                page.text
            );
        }
    }
    let answer = root.post(PAGE, "/console/targets/elsewhere/pause", &[]).await;
    assert_eq!(answer.status, 404, "{}", answer.text);
}

#[tokio::test]
async fn a_caller_that_only_reads_pauses_nothing() {
    let app = App::new().await;
    let reader = Browser::signed_in(&app, "reader").await;
    assert!(!reader.get(PAGE).await.text.contains("/pause\""));
    for path in ["/console/targets/main/pause", "/console/pause"] {
        let answer = reader.post(PAGE, path, &[]).await;
        assert_eq!(answer.status, 403, "{path}: {}", answer.text);
    }
    assert_eq!(app.get("root", "/v1/targets").await.body["targets"][0]["paused"], false);
    // Without the scope the page is no link either.
    let owner = Browser::signed_in(&app, "owner").await;
    assert_eq!(owner.get(PAGE).await.status, 403);
    assert!(!owner.get("/console/jobs").await.text.contains(PAGE));
}

#[tokio::test]
async fn a_caller_that_reaches_a_part_of_a_target_sees_no_tenant_of_its_scope() {
    let scoped = MAIN.replace("columns = {", "scope = { tenant = \"acme\" }\n    columns = {");
    let app = App::with(&scoped).await;
    let asked = json!({"name": "bound", "scopes": ["jobs:read"], "workspaces": ["w"]});
    let made = app.send_json("root", "POST", "/v1/keys", &asked).await;
    let key = made.body["key"].as_str().expect("a key");
    for (who, said) in [("root", "tenant = acme"), (key, "tenant = …")] {
        let page = Browser::signed_in(&app, who).await.get(PAGE).await;
        assert!(page.text.contains(said), "{said}: {}", page.text);
    }
}

#[tokio::test]
async fn mappings_that_share_a_place_are_listed_together() {
    let app = App::new().await;
    let root = Browser::signed_in(&app, "root").await;
    assert!(!root.get(PAGE).await.text.contains("Shared tables"));
    let sibling = |target: &str| Sibling {
        place: "p".to_owned(),
        kind: PlaceKind::Collection,
        target: target.to_owned(),
        table: "memories".to_owned(),
        scope: BTreeMap::new(),
    };
    let all = [sibling("main"), sibling("beside")];
    app.ledger
        .publish_siblings(&all, None)
        .await
        .expect("the ledger answers");
    let page = root.get(PAGE).await;
    for said in [
        "Shared tables",
        "one collection",
        "main/memories",
        "beside/memories",
        "no worker",
    ] {
        assert!(page.text.contains(said), "{said}: {}", page.text);
    }
}
