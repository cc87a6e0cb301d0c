//! A job with `expect` erases the same memories as the preview. If the selection has changed, it touches nothing.

use lethe_tests::client::counts;
use lethe_tests::layout::Layout;
use lethe_tests::memories::{self, ids};
use lethe_tests::on_both_databases;
use lethe_tests::service::{Service, Site};
use lethe_tests::tap::DELETE;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

on_both_databases!(
    a_selection_that_is_as_it_was_goes,
    a_selection_that_has_changed_is_left_alone,
    a_dry_run_says_where_and_names_some,
    who_waits_is_told_that_nothing_was_touched,
    an_expectation_is_for_one_attempt,
);

/// Makes a site whose mapping has workspaces.
async fn site(layout: Layout) -> Site {
    let mut site = Site::new(layout).await;
    site.configure(|config| {
        config
            .replace(
                "agent = \"agent_id\" }\n",
                "agent = \"agent_id\", workspace = \"team_id\" }\n",
            )
            .set("worker.batch", 7)
    });
    site
}

/// Returns every way to select all memories of ana's.
fn selections(all: &[memories::Memory]) -> [Value; 3] {
    [
        json!({"ids": ids(all)}),
        json!({"subject": {"user_id": "ana"}}),
        json!({"query": {"eq": {"user_id": "ana"}}}),
    ]
}

async fn digest(service: &Service, select: &Value) -> String {
    let job = service
        .client
        .succeeds(&json!({"select": select, "dry_run": true}))
        .await;
    job["preview"]["digest"].as_str().unwrap().to_owned()
}

async fn a_selection_that_is_as_it_was_goes(layout: Layout) {
    let site = site(layout).await;
    let others = memories::of("ben", 5);
    site.add(&others).await;
    let service = site.start().await;
    // More than a batch.
    let all = memories::of("ana", 30);

    for select in selections(&all) {
        site.add(&all).await;
        let expect = digest(&service, &select).await;
        let job = service
            .client
            .succeeds(&json!({"select": select, "expect": expect}))
            .await;

        assert_eq!(job["expect"], json!(expect));
        assert_eq!(counts(&job), json!({"sql": {"erased": 30}, "vector": {"erased": 30}}));
        assert_eq!(job["selected"], 30);
        site.holds(&others).await;
    }
}

async fn a_selection_that_has_changed_is_left_alone(layout: Layout) {
    let site = site(layout).await;
    let service = site.start().await;
    let all = memories::of("ana", 30);
    let more = memories::of("ana", 1);
    site.add(&all).await;

    for select in selections(&[all.clone(), more.clone()].concat()) {
        let expect = digest(&service, &select).await;
        // A memory is added. A memory that lost its vector would show as well.
        site.add(&more).await;
        let id = service
            .client
            .submit(&json!({"select": select, "expect": expect}))
            .await;
        let job = service.client.ended(&id).await;

        assert_eq!(
            (&job["state"], &job["error_code"]),
            (&json!("failed"), &json!("selection_changed")),
            "{job}"
        );
        let (sql, vector) = (&counts(&job)["sql"], &counts(&job)["vector"]);
        assert!(sql["erased"].is_null() && vector["erased"].is_null(), "{job}");
        site.holds(&[all.clone(), more.clone()].concat()).await;
        assert_ne!(job["preview"]["digest"], json!(expect));
        assert_eq!(job["preview"]["tables"][0]["found"], 31, "{job}");
        // A caller may accept the new selection. Here it is only one memory.
        service.client.succeeds(&json!({"select": {"ids": ids(&more)}})).await;
    }
    let point = all[3].id.clone();
    let select = json!({"subject": {"user_id": "ana"}});
    let expect = digest(&service, &select).await;
    site.memories
        .run(&format!("DELETE FROM agno_memories WHERE memory_id = '{point}'"))
        .await;
    let id = service
        .client
        .submit(&json!({"select": select, "expect": expect}))
        .await;
    assert_eq!(service.client.ended(&id).await["error_code"], "selection_changed");
    assert_eq!(site.vectors.count().await, 30);
}

async fn a_dry_run_says_where_and_names_some(layout: Layout) {
    let site = site(layout).await;
    let all = memories::of("ana", 30);
    site.add(&all).await;
    let red: Vec<String> = ids(&all)[..12].iter().map(|id| format!("'{id}'")).collect();
    site.memories
        .run(&format!(
            "UPDATE agno_memories SET team_id = 'red' WHERE memory_id IN ({})",
            red.join(", ")
        ))
        .await;
    let service = site.start().await;

    let mut seen = Vec::new();
    for select in selections(&all) {
        let job = service
            .client
            .succeeds(&json!({"select": select, "dry_run": true}))
            .await;
        let table = &job["preview"]["tables"][0];
        let workspaces = json!([{"workspace": null, "found": 18}, {"workspace": "red", "found": 12}]);
        assert_eq!(
            (
                &table["table"],
                &table["found"],
                &table["workspaces"],
                &table["elsewhere"]
            ),
            (&json!("memories"), &json!(30), &workspaces, &json!(0)),
            "{job}"
        );
        let named = service.client.items(job["id"].as_str().unwrap(), "found").await;
        assert!(!named.is_empty(), "{job}");
        assert!(named.iter().all(|(id, ..)| ids(&all).contains(&id.as_str())));
        seen.push(job["preview"]["digest"].clone());
    }
    // The same memories, in each way of selection.
    assert!(seen.iter().all(|digest| *digest == seen[0]), "{seen:?}");
    site.holds(&all).await;
}

async fn who_waits_is_told_that_nothing_was_touched(layout: Layout) {
    let site = site(layout).await;
    let all = memories::of("ana", 30);
    site.add(&all).await;
    let service = site.start().await;
    let wait = async |job: Value| {
        let request = service.client.request(Method::POST, "/v1/jobs");
        service
            .client
            .send(request.header("prefer", "wait=10").json(&job))
            .await
    };

    let other = digest(&service, &json!({"ids": ids(&all[1..])})).await;
    for select in selections(&all) {
        let changed = wait(json!({"select": select, "expect": other})).await;
        assert_eq!(changed.status, StatusCode::CONFLICT, "{}", changed.text);
        assert_eq!(changed.body["type"], "/problems#selection-changed");
    }
    let over = wait(json!({"select": {"subject": {"user_id": "ana"}}, "limit": 29})).await;
    assert_eq!(over.status, StatusCode::CONFLICT, "{}", over.text);
    assert_eq!(over.body["type"], "/problems#selection-too-large");
    site.holds(&all).await;
    let deletes = site.tap.calls().get(DELETE).copied();
    assert_eq!(deletes, None, "nothing was even asked to be deleted");
}

async fn an_expectation_is_for_one_attempt(layout: Layout) {
    let site = site(layout).await;
    let all = memories::of("ana", 3);
    site.add(&all).await;
    let service = site.start().await;
    let other = digest(&service, &json!({"ids": ids(&all[1..])})).await;
    let id = service
        .client
        .submit(&json!({"select": {"ids": ids(&all)}, "expect": other}))
        .await;
    assert_eq!(service.client.ended(&id).await["error_code"], "selection_changed");

    let again = service.client.post(&format!("/v1/jobs/{id}/retry")).await;

    assert_eq!(again.status, StatusCode::CONFLICT, "{}", again.text);
    site.holds(&all).await;
}
