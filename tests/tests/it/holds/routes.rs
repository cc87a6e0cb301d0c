//! Held memories by every route that deletes: none answers success, or that there was no such memory.

use lethe_tests::client::{Answer, Client};
use lethe_tests::layout::Layout;
use lethe_tests::memories::{self, Memory, ids};
use lethe_tests::service::{Site, TARGET};
use lethe_tests::{on_both_databases, wait};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::{held, place_on, release};

on_both_databases!(
    the_routes_of_other_systems_answer_conflict_and_delete_the_rest,
    the_native_routes_and_a_schedule_leave_what_is_held,
    a_memory_that_conflicts_is_no_success_and_not_missing,
);

/// Makes a site on which OpenSearch's long-term memories are the table's.
async fn site(layout: Layout) -> Site {
    let mut site = Site::new(layout).await;
    let types = "[compat.opensearch.types]\nlong-term = \"memories\"";
    site.configure(|config| config.targets(types));
    site
}

async fn delete(client: &Client, path: &str) -> Answer {
    client.send(client.request(Method::DELETE, path)).await
}

async fn send(client: &Client, method: Method, path: &str, body: &Value) -> Answer {
    client.send(client.request(method, path).json(body)).await
}

/// Asserts that an answer is a conflict, and that its job says what was held.
#[track_caller]
fn conflicts(what: &str, answer: &Answer) {
    assert_eq!(answer.status, StatusCode::CONFLICT, "{what}: {}", answer.text);
    assert!(answer.headers.contains_key("lethe-job"), "{what}");
    assert!(answer.text.contains("held"), "{what}: {}", answer.text);
}

async fn the_routes_of_other_systems_answer_conflict_and_delete_the_rest(layout: Layout) {
    let site = site(layout).await;
    let (ana, ben) = (memories::of("ana", 6), memories::of("ben", 4));
    site.add(&[ana.clone(), ben.clone()].concat()).await;
    let service = site.start().await;
    let client = &service.client;
    place_on(client, "ana").await;
    let id = &ana[0].id;

    for path in [
        format!("/memories/{id}"),
        format!("/api/v1/memories/{id}?user_id=ana"),
        format!("/api/memories/{id}"),
        format!("/v1/memories/{id}/"),
        format!("/_plugins/_ml/memory_containers/{TARGET}/memories/long-term/{id}"),
    ] {
        // The same request joins the held job.
        for _ in 0..2 {
            conflicts(&path, &delete(client, &path).await);
        }
    }
    let many = json!({"memory_ids": [id, ben[0].id]});
    conflicts("agno", &send(client, Method::DELETE, "/memories", &many).await);
    let batch = json!({"memories": [{"memory_id": id}, {"memory_id": ben[1].id}]});
    conflicts("mem0", &send(client, Method::DELETE, "/v1/batch/", &batch).await);
    site.holds(&[&ana[..], &ben[2..]].concat()).await;

    for path in ["/v1/memories/?user_id=ana", "/v2/entities/user/ana/"] {
        let begun = delete(client, path).await;
        let event = begun.body["event_id"]
            .as_str()
            .unwrap_or_else(|| panic!("{path}: {}", begun.text));
        held(client, event).await;
        let event = client.get(&format!("/v1/event/{event}/")).await;
        assert_eq!(event.body["status"], "FAILED", "{path}: {}", event.text);
    }
    let query = json!({"query": {"terms": {"owner_id": ["ana", "ben"]}}});
    let path = format!("/{TARGET}/_delete_by_query?conflicts=proceed");
    let deleted = send(client, Method::POST, &path, &query).await;
    assert_eq!(deleted.status, StatusCode::OK, "{}", deleted.text);
    assert_eq!(
        (&deleted.body["deleted"], &deleted.body["version_conflicts"]),
        (&json!(2), &json!(6)),
        "{}",
        deleted.text
    );
    site.holds(&ana).await;

    // Every job goes on.
    release(client, "case-77").await;
    wait::until_true("no job is held", || async {
        let held = client.get("/v1/jobs?state=held").await;
        held.body["jobs"] == json!([])
    })
    .await;
    wait::until_true("all memories are gone", || async {
        site.memories.count().await == 0 && site.vectors.count().await == 0
    })
    .await;
}

async fn the_native_routes_and_a_schedule_leave_what_is_held(layout: Layout) {
    let site = site(layout).await;
    let (ana, ben) = (memories::of("ana", 5), memories::of("ben", 4));
    site.add(&[ana.clone(), ben.clone()].concat()).await;
    let service = site.start().await;
    let client = &service.client;
    place_on(client, "ana").await;

    // A caller that waits is told at once.
    let both = json!({"select": {"ids": [ana[0].id, ben[0].id]}});
    let waiting = client.request(Method::POST, "/v1/jobs").header("prefer", "wait=60");
    let told = client.send(waiting.json(&both)).await;
    assert_eq!(
        (told.status, &told.body["state"]),
        (StatusCode::ACCEPTED, &json!("held")),
        "{}",
        told.text
    );
    site.holds(&[&ana[..], &ben[1..]].concat()).await;

    let lines: Vec<String> = [&ana[1], &ben[1]]
        .iter()
        .map(|memory| json!(memory.id).to_string())
        .collect();
    let upload = client
        .request(Method::POST, "/v1/jobs")
        .header("content-type", "application/x-ndjson")
        .body(lines.join("\n"));
    held(client, &client.send(upload).await.accepted()).await;
    site.holds(&[&ana[..], &ben[2..]].concat()).await;

    let query = json!({"in": {"id": [ana[2].id, ben[2].id]}});
    let body = json!({"cron": "* * * * * *", "time_zone": "UTC", "job": {"select": {"query": query}}});
    let put = send(client, Method::PUT, "/v1/schedules/nightly", &body).await;
    assert!(put.status.is_success(), "{}", put.text);
    // A held job stops no schedule: there is another one each second.
    wait::until_true("the schedule made held jobs", || async {
        let jobs = client.get("/v1/jobs?schedule=nightly&state=held").await;
        jobs.body["jobs"].as_array().is_some_and(|jobs| jobs.len() >= 2)
    })
    .await;
    let gone = delete(client, "/v1/schedules/nightly").await;
    assert_eq!(gone.status, StatusCode::NO_CONTENT, "{}", gone.text);
    site.holds(&[&ana[..], &ben[3..]].concat()).await;

    release(client, "case-77").await;
    wait::until_true("what was held is gone", || async {
        let left = site.memories.left().await;
        let asked: Vec<&str> = ids(&ana[..3]);
        left.iter().all(|memory| !asked.contains(&memory.id.as_str()))
    })
    .await;
    site.holds(&[&ana[3..], &ben[3..]].concat()).await;
}

async fn a_memory_that_conflicts_is_no_success_and_not_missing(layout: Layout) {
    let site = site(layout).await;
    let all = memories::of("ana", 1);
    site.memories.add(&all).await;
    // Its point names another owner.
    let bens = [Memory {
        id: all[0].id.clone(),
        user: "ben".to_owned(),
    }];
    site.vectors.add(&bens).await;
    let service = site.start().await;
    let id = &all[0].id;
    for path in [
        format!("/memories/{id}"),
        format!("/api/v1/memories/{id}?user_id=ana"),
        format!("/api/memories/{id}"),
        format!("/v1/memories/{id}/"),
    ] {
        let answer = delete(&service.client, &path).await;
        assert_eq!(answer.status, StatusCode::CONFLICT, "{path}: {}", answer.text);
    }
    assert_eq!(site.memories.left().await, all);
}
