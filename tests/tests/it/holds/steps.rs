//! The moment at which a hold is placed: before a job is accepted, while it is queued, and between the steps of a
//! batch.

use lethe_tests::client::counts;
use lethe_tests::layout::Layout;
use lethe_tests::memories::{self, Memory, ids};
use lethe_tests::on_both_databases;
use lethe_tests::service::Site;
use lethe_tests::tap::{DELETE, SCROLL, Side};
use serde_json::{Value, json};

use super::{KINDS, add, held, on, place, place_on, release, succeeded, with_workspaces};

on_both_databases!(
    every_kind_of_hold_binds_every_kind_of_job_before_and_while_it_is_queued,
    between_intent_and_vectors_the_rows_stay_and_the_job_says_split,
    between_vectors_and_rows_the_rows_stay_and_the_job_says_split,
    a_row_that_becomes_the_held_persons_meanwhile_stays,
    a_batch_that_begins_after_the_hold_is_bound,
    an_intent_that_is_found_again_is_bound,
    a_vector_that_comes_back_under_a_hold_is_held_in_the_next_round,
    a_row_that_is_written_under_a_hold_meanwhile_is_held,
    while_the_stores_are_read_back_a_hold_keeps_nothing_that_is_gone,
    a_dry_run_counts_what_is_held,
);

/// Returns jobs that select all these memories, by ids, by person and by query.
fn jobs(memories: &[Memory]) -> [Value; 3] {
    [
        json!({"select": {"ids": ids(memories)}}),
        json!({"select": {"subject": {"user_id": "bob", "aliases": ["alice"]}}}),
        json!({"select": {"query": {"in": {"user_id": ["alice", "bob"]}}}}),
    ]
}

async fn every_kind_of_hold_binds_every_kind_of_job_before_and_while_it_is_queued(layout: Layout) {
    let mut site = Site::new(layout).await;
    with_workspaces(&mut site);
    let service = site.start().await;
    let client = &service.client;
    for kind in KINDS {
        for n in 0..3 {
            for is_queued in [false, true] {
                let (alice, bob) = (memories::of("alice", 4), memories::of("bob", 3));
                let all = [alice.clone(), bob].concat();
                add(&site, &all).await;
                let job = &jobs(&all)[n];
                let hold = on(kind, &alice);
                let case = format!("{kind} {job} queued: {is_queued}");

                let id = if is_queued {
                    assert!(client.post("/v1/pause").await.status.is_success());
                    let id = client.submit(job).await;
                    let placed = place(client, "case-77", hold).await;
                    assert_eq!(placed["in_flight"]["jobs"], json!([]), "{case}: {placed}");
                    assert!(client.post("/v1/resume").await.status.is_success());
                    id
                } else {
                    place(client, "case-77", hold).await;
                    let id = client.submit(job).await;
                    let warnings = client.job(&id).await["warnings"].clone();
                    let told = warnings
                        .as_array()
                        .is_some_and(|all| all.iter().any(|one| one["code"] == "held"));
                    assert!(told, "{case}: {warnings}");
                    id
                };
                let waiting = held(client, &id).await;

                let kept = if kind == "everything" { &all } else { &alice };
                site.holds(kept).await;
                let expected = match all.len() - kept.len() {
                    0 => json!({"held": kept.len()}),
                    erased => json!({"erased": erased, "held": kept.len()}),
                };
                assert_eq!(
                    counts(&waiting),
                    json!({"sql": expected, "vector": expected}),
                    "{case}: {waiting:#}"
                );
                assert_eq!(waiting["waits_for"]["reason"], "hold", "{case}: {waiting:#}");

                release(client, "case-77").await;
                let job = succeeded(client, &id).await;
                site.holds(&[]).await;
                let expected = json!({"erased": all.len()});
                assert_eq!(
                    counts(&job),
                    json!({"sql": expected, "vector": expected}),
                    "{case}: {job:#}"
                );
            }
        }
    }
}

/// Places a hold while the deletion of the vectors is under way. Their rows stay.
async fn split(layout: Layout, moment: Side) {
    let site = Site::new(layout).await;
    let (alice, bob) = (memories::of("alice", 4), memories::of("bob", 3));
    let all = [alice.clone(), bob].concat();
    site.add(&all).await;
    let service = site.start().await;
    let client = &service.client;
    let mut deletion = site.tap.hold(DELETE, 0, moment);
    let id = client.submit_ids(&ids(&all)).await;
    deletion.caught().await;
    let placed = place_on(client, "alice").await;
    let in_flight = json!({"jobs": [{"id": id, "partitions": 1}], "more": false});
    assert_eq!(placed["in_flight"], in_flight, "{placed}");
    deletion.release();
    let job = client.ended(&id).await;

    assert_eq!(
        (&job["state"], &job["error_code"]),
        (&json!("failed"), &json!("split")),
        "{job:#}"
    );
    let expected = json!({"sql": {"erased": 3, "failed": 4}, "vector": {"erased": 7}});
    assert_eq!(counts(&job), expected, "{job:#}");
    let mut left = alice.clone();
    left.sort();
    assert_eq!(site.memories.left().await, left);
    assert_eq!(site.vectors.count().await, 0);

    // Another attempt asks the hold first.
    let retried = client.post(&format!("/v1/jobs/{id}/retry")).await;
    assert!(retried.status.is_success(), "{}", retried.text);
    held(client, &id).await;
    assert_eq!(site.memories.left().await, left);
    release(client, "case-77").await;
    succeeded(client, &id).await;
    site.holds(&[]).await;
}

async fn between_intent_and_vectors_the_rows_stay_and_the_job_says_split(layout: Layout) {
    split(layout, Side::Before).await;
}

async fn between_vectors_and_rows_the_rows_stay_and_the_job_says_split(layout: Layout) {
    split(layout, Side::After).await;
}

/// The holds do not change after the batch was admitted: only the deleting statement can tell.
async fn a_row_that_becomes_the_held_persons_meanwhile_stays(layout: Layout) {
    let site = Site::new(layout).await;
    let mut bob = memories::of("bob", 3);
    bob.sort();
    site.add(&bob).await;
    let service = site.start().await;
    let client = &service.client;
    place_on(client, "alice").await;
    let mut deletion = site.tap.hold(DELETE, 0, Side::After);
    let id = client.submit_ids(&ids(&bob)).await;
    deletion.caught().await;
    let change = "UPDATE agno_memories SET user_id = 'alice' WHERE memory_id =";
    site.memories.run(&format!("{change} '{}'", bob[0].id)).await;
    deletion.release();
    let job = client.ended(&id).await;
    assert_eq!(
        (&job["state"], &job["error_code"]),
        (&json!("failed"), &json!("split")),
        "{job:#}"
    );
    let expected = json!({"sql": {"erased": 2, "failed": 1}, "vector": {"erased": 3}});
    assert_eq!(counts(&job), expected, "{job:#}");
    assert_eq!(site.memories.count().await, 1);
}

async fn a_batch_that_begins_after_the_hold_is_bound(layout: Layout) {
    let mut site = Site::new(layout).await;
    site.configure(|config| config.set("worker.batch", 5).set("worker.slots", 1));
    let mut all = memories::of("alice", 20);
    all.sort();
    site.add(&all).await;
    let service = site.start().await;
    let client = &service.client;
    let mut deletion = site.tap.hold(DELETE, 0, Side::Before);
    let body = json!({"select": {"query": {"eq": {"user_id": "alice"}}}});
    let id = client.submit(&body).await;
    deletion.caught().await;
    // They are in the last batch.
    let kept = &all[17..];
    let placed = place(client, "case-77", on("ids", kept)).await;
    assert_eq!(placed["in_flight"]["jobs"][0]["id"], json!(id), "{placed}");
    deletion.release();
    let job = held(client, &id).await;

    site.holds(kept).await;
    let expected = json!({"erased": 17, "held": 3});
    assert_eq!(counts(&job), json!({"sql": expected, "vector": expected}), "{job:#}");
    let listed = client.items(&id, "held").await;
    let mut expected: Vec<_> = kept
        .iter()
        .flat_map(|memory| ["sql", "vector"].map(|store| (memory.id.clone(), store.to_owned(), None)))
        .collect();
    expected.sort();
    assert_eq!(listed, expected);
}

async fn an_intent_that_is_found_again_is_bound(layout: Layout) {
    let site = Site::new(layout).await;
    let (alice, bob) = (memories::of("alice", 4), memories::of("bob", 3));
    let all = [alice.clone(), bob].concat();
    site.add(&all).await;
    let service = site.start().await;
    let client = &service.client;
    let mut deletion = site.tap.hold(DELETE, 0, Side::Before);
    let id = client.submit_ids(&ids(&all)).await;
    deletion.caught().await;
    // The held call fails, and so do all later ones.
    site.tap.set_upstream("http://127.0.0.1:9");
    deletion.lose();
    client
        .when(&id, "it waits for the store", |job| job["error_code"].is_string())
        .await;
    place_on(client, "alice").await;
    site.tap.set_upstream(&site.vectors.url);
    let job = held(client, &id).await;

    site.holds(&alice).await;
    let expected = json!({"erased": 3, "held": 4});
    assert_eq!(counts(&job), json!({"sql": expected, "vector": expected}), "{job:#}");
}

async fn a_vector_that_comes_back_under_a_hold_is_held_in_the_next_round(layout: Layout) {
    let site = Site::new(layout).await;
    let all = memories::of("alice", 10);
    site.add(&all).await;
    let service = site.up().await;
    let client = &service.client;
    // A round looks three times: to resolve, after its deletions, and to read back.
    let mut reading_back = site.tap.hold(SCROLL, 2, Side::Before);
    let id = client.submit_ids(&ids(&all)).await;
    reading_back.caught().await;
    assert_eq!((site.memories.count().await, site.vectors.count().await), (0, 0));
    site.vectors.add(&all[..1]).await;
    place_on(client, "alice").await;
    reading_back.release();
    let job = held(client, &id).await;

    assert_eq!(site.vectors.left().await, all[..1]);
    assert_eq!(job["round"], 1, "{job:#}");
    let expected = json!({"erased": 10, "residue": 1, "held": 1});
    assert_eq!(counts(&job)["vector"], expected, "{job:#}");
    assert_eq!(counts(&job)["sql"]["erased"], 10, "{job:#}");
    release(client, "case-77").await;
    succeeded(client, &id).await;
    site.holds(&[]).await;
}

async fn a_row_that_is_written_under_a_hold_meanwhile_is_held(layout: Layout) {
    let site = Site::new(layout).await;
    let (alice, late) = (memories::of("alice", 6), memories::of("alice", 1));
    site.add(&alice).await;
    let service = site.start().await;
    let client = &service.client;
    let mut deletion = site.tap.hold(DELETE, 0, Side::After);
    let body = json!({"select": {"subject": {"user_id": "alice"}}});
    let id = client.submit(&body).await;
    deletion.caught().await;
    // The hold is there before the memory that it keeps.
    place(client, "case-77", on("ids", &late)).await;
    site.add(&late).await;
    deletion.release();
    let job = held(client, &id).await;

    // No receipt says that nothing is left while a memory of the person is there.
    site.holds(&late).await;
    for store in ["sql", "vector"] {
        let counts = &counts(&job)[store];
        assert_eq!((&counts["erased"], &counts["held"]), (&json!(6), &json!(1)), "{job:#}");
    }
    release(client, "case-77").await;
    succeeded(client, &id).await;
    site.holds(&[]).await;
}

async fn while_the_stores_are_read_back_a_hold_keeps_nothing_that_is_gone(layout: Layout) {
    let site = Site::new(layout).await;
    let all = memories::of("alice", 5);
    site.add(&all).await;
    let service = site.up().await;
    let client = &service.client;
    let mut reading_back = site.tap.hold(SCROLL, 2, Side::Before);
    let id = client.submit_ids(&ids(&all)).await;
    reading_back.caught().await;
    let placed = place_on(client, "alice").await;
    assert_eq!(placed["in_flight"]["jobs"][0]["id"], json!(id), "{placed}");
    reading_back.release();
    let job = succeeded(client, &id).await;

    let expected = json!({"erased": 5});
    assert_eq!(counts(&job), json!({"sql": expected, "vector": expected}), "{job:#}");
    site.holds(&[]).await;
}

async fn a_dry_run_counts_what_is_held(layout: Layout) {
    let site = Site::new(layout).await;
    let (alice, bob) = (memories::of("alice", 4), memories::of("bob", 3));
    let all = [alice, bob].concat();
    site.add(&all).await;
    let service = site.start().await;
    place_on(&service.client, "alice").await;

    for mut job in jobs(&all) {
        job["dry_run"] = json!(true);
        let seen = service.client.succeeds(&job).await;
        let expected = json!({"found": 3, "held": 4});
        assert_eq!(counts(&seen), json!({"sql": expected, "vector": expected}), "{seen:#}");
    }
    site.holds(&all).await;
}
