//! The selected memories go from both stores, in every layout, and no others do.

use lethe_tests::client::counts;
use lethe_tests::layout::Layout;
use lethe_tests::memories::{self, Memory, ids};
use lethe_tests::service::Site;
use lethe_tests::{on_both_databases, on_every_layout, on_layouts};
use reqwest::{Method, StatusCode};
use serde_json::json;

on_every_layout!(
    ids_go_from_both_stores_and_all_others_stay,
    a_person_goes_with_vectors_that_have_no_row,
    a_stream_of_ids_goes,
    a_repeated_request_is_the_same_job_and_erases_once,
);
on_both_databases!(
    a_dry_run_counts_and_touches_nothing,
    a_person_of_several_names_goes_under_all_of_them,
    a_person_of_many_memories_goes_in_parallel_parts,
    what_is_gone_already_is_absent_the_second_time,
    the_agno_fixture_loses_only_what_was_asked_for,
);
on_layouts!(mysql = MYSQL: ids_go_from_both_stores_and_all_others_stay, a_person_goes_with_vectors_that_have_no_row);

async fn ids_go_from_both_stores_and_all_others_stay(layout: Layout) {
    let site = Site::new(layout).await;
    let (alice, bob) = (memories::of("alice", 30), memories::of("bob", 10));
    site.add(&[alice.clone(), bob.clone()].concat()).await;
    // Unknown ids, in the form of a memory's id and in another form.
    let nowhere = [
        ids(&memories::of("nobody", 1))[0].to_owned(),
        "no such memory".to_owned(),
    ];
    let service = site.start().await;

    let mut asked = ids(&alice[..12]);
    asked.push(&bob[0].id);
    asked.extend(nowhere.iter().map(String::as_str));
    let job = service.client.succeeds(&json!({"select": {"ids": asked}})).await;

    site.holds(&[&alice[12..], &bob[1..]].concat()).await;
    let expected = json!({"erased": 13, "absent": 2});
    assert_eq!(counts(&job), json!({"sql": expected, "vector": expected}));
    assert_eq!(
        (&job["selected"], &job["remaining"], &job["progress"]),
        (&json!(15), &json!(0), &json!(1.0))
    );
    let id = job["id"].as_str().unwrap();
    let absent = service.client.items(id, "absent").await;
    let mut expected: Vec<_> = nowhere
        .iter()
        .flat_map(|id| ["sql", "vector"].map(|store| (id.clone(), store.to_owned(), None)))
        .collect();
    expected.sort();
    assert_eq!(absent, expected);
    assert_eq!(service.client.items(id, "failed").await, []);
}

async fn a_person_goes_with_vectors_that_have_no_row(layout: Layout) {
    let site = Site::new(layout).await;
    let (alice, bob) = (memories::of("alice", 25), memories::of("bob", 10));
    site.add(&[alice.clone(), bob.clone()].concat()).await;
    let (own, other) = (memories::of("alice", 3), memories::of("bob", 2));
    site.vectors.add(&[own, other.clone()].concat()).await;
    let without_vectors = memories::of("alice", 4);
    site.memories.add(&without_vectors).await;
    let service = site.start().await;

    let job = service
        .client
        .succeeds(&json!({"select": {"subject": {"user_id": "alice"}}}))
        .await;

    assert_eq!(site.memories.left().await, sorted(&[bob.clone()].concat()));
    assert_eq!(site.vectors.left().await, sorted(&[bob, other].concat()));
    let expected = json!({"sql": {"erased": 29, "absent": 3}, "vector": {"erased": 28, "absent": 4}});
    assert_eq!(counts(&job), expected);
    assert_eq!(job["selected"], 32);
}

async fn a_stream_of_ids_goes(layout: Layout) {
    let site = Site::new(layout).await;
    let all = memories::of("alice", 2_600);
    site.add(&all).await;
    let service = site.start().await;

    let (gone, kept) = all.split_at(2_500);
    // A repeated line is the same memory, anywhere in the upload.
    let lines: Vec<String> = gone
        .iter()
        .chain(gone)
        .chain(&gone[..3])
        .map(|memory| json!(memory.id).to_string())
        .collect();
    let request = service
        .client
        .request(Method::POST, "/v1/jobs")
        .header("content-type", "application/x-ndjson")
        .body(lines.join("\n"));
    let id = service.client.send(request).await.accepted();
    let job = service.client.ended(&id).await;

    assert_eq!(job["state"], "succeeded", "{job:#}");
    site.holds(kept).await;
    let expected = json!({"erased": 2_500});
    assert_eq!(counts(&job), json!({"sql": expected, "vector": expected}), "{job:#}");
    assert_eq!(job["selected"], 2_500);
}

async fn a_repeated_request_is_the_same_job_and_erases_once(layout: Layout) {
    let site = Site::new(layout).await;
    let all = memories::of("alice", 20);
    site.add(&all).await;
    let service = site.start().await;
    let client = &service.client;
    let send = async |body: serde_json::Value| {
        let request = client
            .request(Method::POST, "/v1/jobs")
            .header("idempotency-key", "\"one\"");
        client.send(request.json(&body)).await
    };
    let body = json!({"select": {"ids": ids(&all[..5])}});

    let answers = futures::future::join_all((0..8).map(|_| send(body.clone()))).await;
    let jobs: std::collections::BTreeSet<String> = answers.iter().map(lethe_tests::client::Answer::accepted).collect();
    assert_eq!(jobs.len(), 1, "{jobs:?}");
    let id = jobs.first().unwrap();
    let job = client.ended(id).await;
    assert_eq!(counts(&job), json!({"sql": {"erased": 5}, "vector": {"erased": 5}}));

    // The memories are written again, and the repeated request must not delete them.
    site.add(&all[..5]).await;
    let again = send(body).await;
    assert!(again.status.is_success(), "{}", again.text);
    assert_eq!(again.body["id"].as_str(), Some(id.as_str()));
    let other = send(json!({"select": {"ids": ids(&all[5..])}})).await;
    assert_eq!(other.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", other.text);
    // A later job passes through the same queue, so the workers have seen all earlier jobs.
    client.succeeds(&json!({"select": {"ids": [all[19].id]}})).await;
    site.holds(&all[..19]).await;
    assert_eq!(client.get("/v1/jobs").await.body["jobs"].as_array().unwrap().len(), 2);
}

async fn a_dry_run_counts_and_touches_nothing(layout: Layout) {
    let site = Site::new(layout).await;
    let (alice, bob) = (memories::of("alice", 20), memories::of("bob", 5));
    let all = [alice.clone(), bob].concat();
    site.add(&all).await;
    let service = site.start().await;

    let asked = [ids(&alice[..4]), vec!["no such memory"]].concat();
    let by_ids = service
        .client
        .succeeds(&json!({"select": {"ids": asked}, "dry_run": true}))
        .await;
    let subject = json!({"select": {"subject": {"user_id": "alice"}}, "dry_run": true});
    let by_subject = service.client.succeeds(&subject).await;

    site.holds(&all).await;
    let found = json!({"found": 4, "absent": 1});
    assert_eq!(counts(&by_ids), json!({"sql": found, "vector": found}));
    assert_eq!(
        counts(&by_subject),
        json!({"sql": {"found": 20}, "vector": {"found": 20}})
    );
    let deletes = site.tap.calls().get(lethe_tests::tap::DELETE).copied();
    assert_eq!(deletes, None, "nothing was even asked to be deleted");
}

async fn a_person_of_several_names_goes_under_all_of_them(layout: Layout) {
    let site = Site::new(layout).await;
    let names = ["ana", "ana@example.com", "17"];
    let all = names.map(|name| memories::of(name, 12)).concat();
    let others = [memories::of("ana@example.co", 4), memories::of("Ana", 3)].concat();
    site.add(&[all, others.clone()].concat()).await;
    // Points under another name of the person, without rows.
    site.vectors.add(&memories::of("17", 5)).await;
    let service = site.start().await;

    let subject = json!({"user_id": "ana", "aliases": ["ana@example.com", "17", "nobody"]});
    let select = json!({"subject": subject});
    let seen = service
        .client
        .succeeds(&json!({"select": select, "dry_run": true}))
        .await;
    let job = service
        .client
        .succeeds(&json!({"select": select, "expect": seen["preview"]["digest"]}))
        .await;

    site.holds(&others).await;
    assert_eq!(seen["preview"]["tables"][0]["found"], 41, "{seen}");
    let expected = json!({"sql": {"erased": 36, "absent": 5}, "vector": {"erased": 41}});
    assert_eq!(counts(&job), expected, "{job}");
}

async fn a_person_of_many_memories_goes_in_parallel_parts(layout: Layout) {
    let mut site = Site::new(layout).await;
    // A partition has ten batches: 2,500 memories make five partitions.
    site.configure(|config| config.set("worker.batch", 50));
    let (alice, bob) = (memories::of("alice", 2_500), memories::of("bob", 100));
    site.add(&[alice, bob.clone()].concat()).await;
    let service = site.start().await;

    let job = service
        .client
        .succeeds(&json!({"select": {"subject": {"user_id": "alice"}}}))
        .await;

    site.holds(&bob).await;
    assert_eq!(
        counts(&job),
        json!({"sql": {"erased": 2_500}, "vector": {"erased": 2_500}})
    );
    assert_eq!(job["selected"], 2_500);
}

async fn what_is_gone_already_is_absent_the_second_time(layout: Layout) {
    let site = Site::new(layout).await;
    let all = memories::of("alice", 10);
    site.add(&all).await;
    let service = site.start().await;
    let body = json!({"select": {"ids": ids(&all)}});

    service.client.succeeds(&body).await;
    let again = service.client.succeeds(&body).await;

    site.holds(&[]).await;
    assert_eq!(counts(&again), json!({"sql": {"absent": 10}, "vector": {"absent": 10}}));
}

async fn the_agno_fixture_loses_only_what_was_asked_for(layout: Layout) {
    let site = Site::new(layout).await;
    let all = memories::fixture().await;
    site.add(&all).await;
    let service = site.start().await;
    let person = memories::by_owner(&all).into_iter().max_by_key(|(_, n)| *n).unwrap();
    let some: Vec<&Memory> = all.iter().filter(|memory| memory.user != person.0).take(500).collect();

    let asked: Vec<&str> = some.iter().map(|memory| memory.id.as_str()).collect();
    service.client.succeeds(&json!({"select": {"ids": asked}})).await;
    let job = service
        .client
        .succeeds(&json!({"select": {"subject": {"user_id": person.0}}}))
        .await;

    let left: Vec<Memory> = all
        .iter()
        .filter(|memory| memory.user != person.0 && !some.contains(memory))
        .cloned()
        .collect();
    assert_eq!(left.len(), 5_011 - 500 - person.1);
    site.holds(&left).await;
    assert_eq!(
        counts(&job),
        json!({"sql": {"erased": person.1}, "vector": {"erased": person.1}})
    );
}

fn sorted(memories: &[Memory]) -> Vec<Memory> {
    let mut memories = memories.to_vec();
    memories.sort();
    memories
}
