//! A job deletes only its own memories: owners, case, others' vectors, changes in between.

use lethe_tests::client::counts;
use lethe_tests::layout::{Layout, Sql};
use lethe_tests::memories::{self, ids};
use lethe_tests::on_both_databases;
use lethe_tests::postgres::until_locked_out;
use lethe_tests::service::Site;
use lethe_tests::tap::{DELETE, Side};
use serde_json::json;

on_both_databases!(
    a_wrong_owner_deletes_nothing,
    an_id_in_another_case_is_another_id,
    an_owner_in_another_case_is_another_owner,
    a_strangers_vector_without_a_row_stays_and_ones_own_goes,
    a_vector_whose_row_is_a_strangers_stays,
    a_row_that_changes_its_owner_in_between_stays_and_is_shown,
    a_row_that_somebody_else_deletes_in_between_is_absent,
    a_person_above_the_limit_keeps_everything,
    more_ids_than_the_limit_are_refused,
);

async fn a_wrong_owner_deletes_nothing(layout: Layout) {
    let site = Site::new(layout).await;
    let (alice, bob) = (memories::of("alice", 10), memories::of("bob", 10));
    site.add(&[alice.clone(), bob.clone()].concat()).await;
    let service = site.start().await;

    let asked = [ids(&bob), ids(&alice[..1])].concat();
    let job = service
        .client
        .succeeds(&json!({"select": {"ids": asked}, "owner": "alice"}))
        .await;

    site.holds(&[&bob, &alice[1..]].concat()).await;
    let expected = json!({"erased": 1, "absent": 10});
    assert_eq!(counts(&job), json!({"sql": expected, "vector": expected}));
}

async fn an_id_in_another_case_is_another_id(layout: Layout) {
    let site = Site::new(layout).await;
    let all = memories::of("alice", 5);
    site.add(&all).await;
    let service = site.start().await;

    let asked: Vec<String> = all.iter().map(|memory| memory.id.to_uppercase()).collect();
    let with_owner = json!({"select": {"ids": asked}, "owner": "alice"});
    for body in [json!({"select": {"ids": asked}}), with_owner] {
        let job = service.client.succeeds(&body).await;
        site.holds(&all).await;
        assert_eq!(counts(&job)["sql"], json!({"absent": 5}));
    }
}

async fn an_owner_in_another_case_is_another_owner(layout: Layout) {
    let site = Site::new(layout).await;
    let all = memories::of("alice", 5);
    site.add(&all).await;
    let service = site.start().await;

    let by_ids = json!({"select": {"ids": ids(&all)}, "owner": "Alice"});
    service.client.succeeds(&by_ids).await;
    service
        .client
        .succeeds(&json!({"select": {"subject": {"user_id": "ALICE"}}}))
        .await;

    site.holds(&all).await;
}

async fn a_strangers_vector_without_a_row_stays_and_ones_own_goes(layout: Layout) {
    let site = Site::new(layout).await;
    let (alice, bob) = (memories::of("alice", 3), memories::of("bob", 3));
    site.vectors.add(&[alice.clone(), bob.clone()].concat()).await;
    let service = site.start().await;

    let asked = [ids(&alice), ids(&bob)].concat();
    let job = service
        .client
        .succeeds(&json!({"select": {"ids": asked}, "owner": "alice"}))
        .await;

    let mut expected = bob;
    expected.sort();
    assert_eq!(site.vectors.left().await, expected);
    assert_eq!(counts(&job)["vector"], json!({"erased": 3, "absent": 3}));
    assert_eq!(counts(&job)["sql"], json!({"absent": 6}));
}

async fn a_vector_whose_row_is_a_strangers_stays(layout: Layout) {
    let site = Site::new(layout).await;
    // The payload says alice, the row says bob: the row decides.
    let bob = memories::of("bob", 4);
    let mut claimed = bob.clone();
    for memory in &mut claimed {
        "alice".clone_into(&mut memory.user);
    }
    site.memories.add(&bob).await;
    site.vectors.add(&claimed).await;
    let service = site.start().await;

    service
        .client
        .succeeds(&json!({"select": {"ids": ids(&bob)}, "owner": "alice"}))
        .await;
    let id = service
        .client
        .submit(&json!({"select": {"subject": {"user_id": "alice"}}}))
        .await;
    let job = service.client.ended(&id).await;

    assert_eq!(site.memories.count().await, 4);
    assert_eq!(site.vectors.count().await, 4);
    assert_eq!(counts(&job)["vector"]["unverifiable"], 4, "{job:#}");
}

async fn a_row_that_changes_its_owner_in_between_stays_and_is_shown(layout: Layout) {
    let site = Site::new(layout).await;
    let all = memories::of("alice", 10);
    site.add(&all).await;
    let service = site.start().await;
    // Rows can be resolved, but not deleted, until the owner has changed.
    let mut deletion = site.tap.hold(DELETE, 0, Side::After);
    let id = service
        .client
        .submit(&json!({"select": {"ids": ids(&all)}, "owner": "alice"}))
        .await;
    deletion.caught().await;
    let lock = site.memories.lock().await;
    deletion.release();
    if layout.sql == Sql::Postgres {
        until_locked_out(&site.memories).await;
    }
    let change = format!(
        "UPDATE agno_memories SET user_id = 'bob' WHERE memory_id = '{}'",
        all[0].id
    );
    lock.commit(&change).await;
    let job = service.client.ended(&id).await;

    let left = site.memories.left().await;
    assert_eq!(ids(&left), [all[0].id.as_str()]);
    assert_eq!(counts(&job)["sql"], json!({"erased": 9, "failed": 1}), "{job:#}");
    // Its vector was deleted before, which is the code `split`.
    assert_eq!(job["state"], "failed");
    let failed = service.client.items(&id, "failed").await;
    let expected = (all[0].id.clone(), "sql".to_owned(), Some("split".to_owned()));
    assert!(failed.contains(&expected), "{failed:?}");
}

async fn a_row_that_somebody_else_deletes_in_between_is_absent(layout: Layout) {
    let site = Site::new(layout).await;
    let all = memories::of("alice", 10);
    site.add(&all).await;
    let service = site.start().await;
    let mut deletion = site.tap.hold(DELETE, 0, Side::After);
    let id = service.client.submit_ids(&ids(&all)).await;
    deletion.caught().await;
    site.memories
        .run(&format!("DELETE FROM agno_memories WHERE memory_id = '{}'", all[0].id))
        .await;
    deletion.release();
    let job = service.client.ended(&id).await;

    site.holds(&[]).await;
    assert_eq!(job["state"], "succeeded", "{job:#}");
    let expected = json!({"sql": {"erased": 9, "absent": 1}, "vector": {"erased": 10}});
    assert_eq!(counts(&job), expected);
}

async fn a_person_above_the_limit_keeps_everything(layout: Layout) {
    let mut site = Site::new(layout).await;
    // The plan needs several steps: no partition may be claimable before the last.
    site.configure(|config| config.set("worker.batch", 5));
    let alice = memories::of("alice", 120);
    site.add(&alice).await;
    let service = site.start().await;

    let body = json!({"select": {"subject": {"user_id": "alice"}}, "limit": 119});
    let id = service.client.submit(&body).await;
    let job = service.client.ended(&id).await;

    assert_eq!(
        (&job["state"], &job["error_code"]),
        (&json!("failed"), &json!("limit_exceeded"))
    );
    site.holds(&alice).await;
    assert_eq!(
        site.tap.calls().get(DELETE),
        None,
        "nothing was even asked to be deleted"
    );
    // A job at exactly the limit succeeds.
    service
        .client
        .succeeds(&json!({"select": {"subject": {"user_id": "alice"}}, "limit": 120}))
        .await;
    site.holds(&[]).await;
}

async fn more_ids_than_the_limit_are_refused(layout: Layout) {
    let site = Site::new(layout).await;
    let all = memories::of("alice", 3);
    site.add(&all).await;
    let service = site.start().await;

    let request = service.client.request(reqwest::Method::POST, "/v1/jobs");
    let body = json!({"select": {"ids": ids(&all)}, "limit": 2});
    let answer = service.client.send(request.json(&body)).await;

    assert!(answer.status.is_client_error(), "{}", answer.text);
    assert!(answer.text.contains("limit"), "{}", answer.text);
    site.holds(&all).await;
}
