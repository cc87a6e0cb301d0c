//! Clients of other systems: their deletions work here, completely and safely.

use lethe_tests::client::Answer;
use lethe_tests::layout::Layout;
use lethe_tests::memories::{self, Memory, ids};
use lethe_tests::on_both_databases;
use lethe_tests::service::{Service, Site, TARGET};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

on_both_databases!(
    agno_deletes_a_memory_from_both_stores_and_says_when_there_was_none,
    agno_deletes_many_and_only_the_owners,
    agno_says_later_while_a_store_is_down,
    mielto_deletes_for_the_owner_only,
    memoryplugin_deletes_and_takes_absent_for_deleted,
    mem0_deletes_memories_batches_and_people,
    mem0_counts_each_memory_of_a_batch_once_in_whichever_store_it_is,
    a_client_that_cannot_see_202_is_told_to_ask_again_and_hears_of_the_success,
    an_id_is_taken_as_it_is,
);

async fn delete(service: &Service, path: &str) -> Answer {
    service.client.send(service.client.request(Method::DELETE, path)).await
}

async fn delete_json(service: &Service, path: &str, body: &Value) -> Answer {
    let request = service.client.request(Method::DELETE, path).json(body);
    service.client.send(request).await
}

/// Two people's memories in both stores, and a running service.
async fn two_people(layout: Layout) -> (Site, Service, Vec<Memory>, Vec<Memory>) {
    let site = Site::new(layout).await;
    let (ana, ben) = (memories::of("ana", 6), memories::of("ben", 6));
    site.add(&[ana.clone(), ben.clone()].concat()).await;
    let service = site.start().await;
    (site, service, ana, ben)
}

async fn agno_deletes_a_memory_from_both_stores_and_says_when_there_was_none(layout: Layout) {
    let (site, service, ana, ben) = two_people(layout).await;
    let path = format!("/memories/{}", ana[0].id);

    let strangers = delete(&service, &format!("{path}?user_id=ben")).await;
    assert_eq!(strangers.status, StatusCode::NOT_FOUND, "{}", strangers.text);
    site.holds(&[ana.clone(), ben.clone()].concat()).await;

    let deleted = delete(&service, &format!("{path}?user_id=ana&db_id={TARGET}&table=memories")).await;
    assert_eq!((deleted.status, deleted.text.as_str()), (StatusCode::NO_CONTENT, ""));
    assert_eq!(deleted.headers["content-type"], "application/json");
    let job = service.client.job(deleted.headers["lethe-job"].to_str().unwrap()).await;
    assert_eq!(job["state"], "succeeded");
    site.holds(&[&ana[1..], &ben].concat()).await;

    let another = service
        .client
        .request(Method::DELETE, &format!("/memories/{}", ana[1].id));
    let waited = service.client.send(another.header("prefer", "wait=30")).await;
    let heeded = waited.headers["preference-applied"].to_str().ok();
    assert_eq!((waited.status, heeded), (StatusCode::NO_CONTENT, Some("wait=30")));
    site.holds(&[&ana[2..], &ben].concat()).await;

    // The route accepts a slash at the end, and an empty `db_id`.
    let again = delete(&service, &format!("{path}/?db_id=&unknown=1")).await;
    let expected = json!({"detail": "Memory not found", "error_code": "NOT_FOUND"});
    assert_eq!((again.status, &again.body), (StatusCode::NOT_FOUND, &expected));
    assert!(again.headers.contains_key("lethe-job"));
}

async fn agno_deletes_many_and_only_the_owners(layout: Layout) {
    let (site, service, ana, ben) = two_people(layout).await;
    let unknown = memories::of("ana", 2);
    let asked = [ids(&ana[..3]), ids(&ana[..1]), ids(&ben[..2]), ids(&unknown)].concat();

    let body = json!({"memory_ids": asked, "user_id": "ana", "extra": [{}]});
    let deleted = delete_json(&service, "/memories", &body).await;

    assert_eq!((deleted.status, deleted.text.as_str()), (StatusCode::NO_CONTENT, ""));
    site.holds(&[&ana[3..], &ben].concat()).await;
    // The query's owner counts like the body's.
    let both = delete_json(
        &service,
        "/memories/?user_id=ben",
        &json!({"memory_ids": ids(&ana), "user_id": null}),
    )
    .await;
    assert_eq!(both.status, StatusCode::NO_CONTENT);
    let differing = json!({"memory_ids": ids(&ana), "user_id": "ana"});
    let refused = delete_json(&service, "/memories?user_id=ben", &differing).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    site.holds(&[&ana[3..], &ben].concat()).await;
}

async fn agno_says_later_while_a_store_is_down(layout: Layout) {
    let mut site = Site::with_own_vectors(layout).await;
    site.configure(|config| config.set("compat.wait", "300ms").set("retry.breaker_pause", "100ms"));
    let ana = memories::of("ana", 3);
    site.add(&ana).await;
    let service = site.start().await;
    site.vectors.kill();

    let answer = delete(&service, &format!("/memories/{}", ana[0].id)).await;

    assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.text);
    let id = answer.body["id"].as_str().unwrap();
    assert_eq!(answer.headers["location"], format!("/v1/jobs/{id}").as_str());
    assert_eq!(answer.headers["lethe-job"], id);
    site.vectors.restart().await;
    site.tap.set_upstream(&site.vectors.url);
    assert_eq!(service.client.ended(id).await["state"], "succeeded");
    site.holds(&ana[1..]).await;
}

async fn mielto_deletes_for_the_owner_only(layout: Layout) {
    let (site, service, ana, ben) = two_people(layout).await;
    let path = format!("/api/v1/memories/{}", ana[0].id);

    let nobodys = delete(&service, &path).await;
    assert_eq!(nobodys.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(nobodys.body["detail"][0]["loc"], json!(["query", "user_id"]));
    let strangers = delete(&service, &format!("{path}?user_id=ben")).await;
    assert_eq!(strangers.status, StatusCode::NOT_FOUND);
    assert_eq!(strangers.body, json!({"detail": "Memory not found"}));
    // No workspace is mapped here, so the header is refused instead of ignored.
    let request = service.client.request(Method::DELETE, &format!("{path}?user_id=ana"));
    let elsewhere = service.client.send(request.header("x-workspace-id", "w")).await;
    assert_eq!(elsewhere.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(elsewhere.body["detail"][0]["loc"], json!(["header", "X-Workspace-Id"]));
    site.holds(&[ana.clone(), ben.clone()].concat()).await;

    let deleted = delete(&service, &format!("{path}?user_id=ana")).await;
    let expected = json!({"memory_id": ana[0].id, "message": "Memory deleted successfully"});
    assert_eq!((deleted.status, &deleted.body), (StatusCode::OK, &expected));
    site.holds(&[&ana[1..], &ben].concat()).await;
}

async fn memoryplugin_deletes_and_takes_absent_for_deleted(layout: Layout) {
    let (site, service, ana, ben) = two_people(layout).await;
    let path = format!("/api/memories/{}", ana[0].id);

    for _ in 0..2 {
        let deleted = delete(&service, &path).await;
        let expected = json!({"message": "Memory deleted"});
        assert_eq!((deleted.status, &deleted.body), (StatusCode::OK, &expected));
        site.holds(&[&ana[1..], &ben].concat()).await;
    }
    for path in ["/api/memories", "/api/memories/"] {
        let missing = delete(&service, path).await;
        let expected = json!({"error": "Memory ID is required"});
        assert_eq!((missing.status, &missing.body), (StatusCode::BAD_REQUEST, &expected));
    }
}

async fn mem0_deletes_memories_batches_and_people(layout: Layout) {
    let (site, service, ana, ben) = two_people(layout).await;

    let one = delete(&service, &format!("/v1/memories/{}/", ana[0].id)).await;
    let expected = json!({"message": "Memory deleted successfully!"});
    assert_eq!((one.status, &one.body), (StatusCode::OK, &expected));
    let again = delete(&service, &format!("/v1/memories/{}", ana[0].id)).await;
    let expected = json!({"error": "Memory not found!", "detail": "Memory not found!"});
    assert_eq!((again.status, &again.body), (StatusCode::NOT_FOUND, &expected));
    let entry = |memory: &Memory| json!({"memory_id": memory.id});
    let batch = json!({"memories": [entry(&ana[0]), entry(&ana[1]), entry(&ben[0])]});
    let some = delete_json(&service, "/v1/batch/", &batch).await;
    assert_eq!(
        some.body,
        json!({"message": "Successfully deleted 2 memories"}),
        "{}",
        some.text
    );
    site.holds(&[&ana[2..], &ben[1..]].concat()).await;

    let nobody = delete(&service, "/v1/memories/?org_id=o").await;
    let text = "At least one identifier is required.";
    let expected = json!({"error": text, "detail": text});
    assert_eq!((nobody.status, &nobody.body), (StatusCode::BAD_REQUEST, &expected));
    for path in ["/v1/memories/?user_id=ana&org_id=o", "/v2/entities/user/ben/"] {
        let person = delete(&service, path).await;
        assert_eq!(person.body["message"], "Delete in progress. This may take some time.");
        let event = person.body["event_id"].as_str().unwrap().to_owned();
        service.client.ended(&event).await;
        let event = service.client.get(&format!("/v1/event/{event}/")).await.body;
        assert_eq!(
            (&event["status"], &event["event_type"]),
            (&json!("SUCCEEDED"), &json!("DELETE"))
        );
    }
    site.holds(&[]).await;
}

async fn mem0_counts_each_memory_of_a_batch_once_in_whichever_store_it_is(layout: Layout) {
    let site = Site::new(layout).await;
    let of = memories::of("ana", 7);
    let (both, rows, vectors, absent) = (&of[..3], &of[3..4], &of[4..6], &of[6..]);
    site.add(both).await;
    site.memories.add(rows).await;
    site.vectors.add(vectors).await;
    let service = site.start().await;
    let batch = async |memories: &[&[Memory]]| {
        let entry = |memory: &Memory| json!({"memory_id": memory.id});
        let entries: Vec<Value> = memories.concat().iter().map(entry).collect();
        let answer = delete_json(&service, "/v1/batch/", &json!({"memories": entries})).await;
        answer.body["message"].as_str().unwrap_or(&answer.text).to_owned()
    };

    // A row of one memory and a vector of another count as two memories.
    assert_eq!(
        batch(&[rows, &vectors[..1], absent]).await,
        "Successfully deleted 2 memories"
    );
    // An id that is twice in the batch, and a memory in both stores, count once.
    let more = batch(&[&both[..2], &both[..1], &vectors[1..], rows, absent]).await;
    assert_eq!(more, "Successfully deleted 3 memories");
    assert_eq!(batch(&[&both[2..]]).await, "Successfully deleted 1 memories");
    assert_eq!(batch(&[&of]).await, "Successfully deleted 0 memories");
    site.holds(&[]).await;
}

async fn a_client_that_cannot_see_202_is_told_to_ask_again_and_hears_of_the_success(layout: Layout) {
    let mut site = Site::with_own_vectors(layout).await;
    site.configure(|config| {
        config
            .set("compat.wait", "100ms")
            .set("compat.on_timeout", "503")
            .set("retry.breaker_pause", "100ms")
    });
    let ana = memories::of("ana", 4);
    site.add(&ana).await;
    let service = site.start().await;
    site.vectors.kill();
    let paths = [
        (format!("/memories/{}", ana[0].id), StatusCode::NO_CONTENT),
        (format!("/api/v1/memories/{}?user_id=ana", ana[1].id), StatusCode::OK),
        (format!("/api/memories/{}", ana[2].id), StatusCode::OK),
    ];

    let mut jobs = Vec::new();
    for (path, _) in &paths {
        let first = delete(&service, path).await;
        assert_eq!(first.status, StatusCode::SERVICE_UNAVAILABLE, "{}", first.text);
        assert!(first.headers.contains_key("retry-after"), "{path}");
        let job = first.headers["lethe-job"].to_str().unwrap().to_owned();
        let again = delete(&service, path).await;
        assert_eq!(
            (again.status, &again.headers["lethe-job"]),
            (first.status, &first.headers["lethe-job"])
        );
        assert!(again.text.contains(&job), "{}", again.text);
        jobs.push(job);
    }
    site.vectors.restart().await;
    site.tap.set_upstream(&site.vectors.url);
    // The jobs end before the next request, which must not report that there was nothing.
    for job in &jobs {
        assert_eq!(service.client.ended(job).await["state"], "succeeded");
    }
    for ((path, status), job) in paths.iter().zip(&jobs) {
        let heard = service.client.request(Method::DELETE, path).header("prefer", "wait=30");
        let heard = service.client.send(heard).await;
        assert_eq!(heard.status, *status, "{path}: {}", heard.text);
        if !path.starts_with("/api/memories") {
            assert_eq!(heard.headers["lethe-job"], job.as_str(), "{path}");
        }
    }
    site.holds(&ana[3..]).await;
}

async fn an_id_is_taken_as_it_is(layout: Layout) {
    let site = Site::new(layout).await;
    let odd = [
        "a/b",
        "a+b",
        "a b",
        "' OR '1'='1",
        "ü\u{1f600}",
        "$.x[*]",
        "%2F",
        &"x".repeat(1_000),
    ];
    let of = |id: &str| Memory {
        id: id.to_owned(),
        user: "ana".to_owned(),
    };
    let all: Vec<Memory> = odd.iter().map(|id| of(id)).chain(memories::of("ana", 2)).collect();
    site.memories.add(&all).await;
    let service = site.start().await;

    for id in odd {
        let path = format!("/memories/{}", form(id));
        assert_eq!(delete(&service, &path).await.status, StatusCode::NO_CONTENT, "{id}");
        assert_eq!(delete(&service, &path).await.status, StatusCode::NOT_FOUND, "{id}");
    }
    for wrong in ["%ff", "a%00b", &"x".repeat(1_001)] {
        let answer = delete(&service, &format!("/memories/{wrong}")).await;
        assert_eq!(
            answer.status,
            StatusCode::UNPROCESSABLE_ENTITY,
            "{wrong}: {}",
            answer.text
        );
        assert_eq!(answer.body["error_code"], "VALIDATION_ERROR");
    }
    let mut left = site.memories.left().await;
    left.sort();
    assert_eq!(ids(&left).len(), 2);
}

/// Percent-encodes every byte that could mean something else in a path.
fn form(id: &str) -> String {
    id.bytes().fold(String::new(), |mut text, byte| {
        if byte.is_ascii_alphanumeric() {
            text.push(char::from(byte));
        } else {
            use std::fmt::Write;
            write!(text, "%{byte:02X}").unwrap();
        }
        text
    })
}
