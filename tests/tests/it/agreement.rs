//! The agreement of points with rows. A point goes with its row unless its payload disagrees. Without a row it goes
//! only if its payload meets the job's demands.

use lethe_tests::client::counts;
use lethe_tests::layout::Layout;
use lethe_tests::memories::{self, Memory, ids};
use lethe_tests::on_each_database;
use lethe_tests::service::Site;
use lethe_tests::tap::{DELETE, Side};
use qdrant_client::qdrant::PointId;
use serde_json::{Value, json};

on_each_database!(
    a_point_that_says_another_owner_keeps_its_row,
    a_point_that_lacks_the_fields_is_its_rows,
    without_a_row_it_is_unverifiable_where_an_owner_is_demanded,
    values_compare_by_the_columns_type,
    a_point_that_changes_before_it_is_deleted_stays,
);

async fn put(site: &Site, memory: &Memory, payload: Value) {
    site.vectors.put([(PointId::from(memory.id.as_str()), payload)]).await;
}

/// Returns payloads beside a row of alice's, and whether they disagree with it.
fn payloads(id: &str) -> Vec<(Value, bool)> {
    let with = |user: Value| json!({"memory_id": id, "user_id": user});
    vec![
        (with(json!("alice")), false),
        (with(json!(["alice"])), false),
        (with(json!(null)), false),
        (with(json!([])), false),
        (with(json!([null])), false),
        (json!({"memory_id": id}), false),
        (json!({"user_id": "alice"}), false),
        (json!({}), false),
        (with(json!("bob")), true),
        (with(json!("Alice")), true),
        (with(json!(["alice", "bob"])), true),
        (with(json!({"name": "alice"})), true),
        (with(json!(7)), true),
        (json!({"memory_id": "another", "user_id": "alice"}), true),
    ]
}

async fn a_point_that_says_another_owner_keeps_its_row(layout: Layout) {
    let site = Site::new(layout).await;
    let all = memories::of("alice", payloads("").len() * 3);
    site.memories.add(&all).await;
    for (n, memory) in all.iter().enumerate() {
        let (payload, _) = payloads(&memory.id).swap_remove(n / 3);
        put(&site, memory, payload).await;
    }
    let service = site.start().await;
    let stays = |n: &usize| payloads("")[*n / 3].1;
    let kept = (0..all.len()).filter(stays).count() / 3;

    // By ids, with and without an owner. The person's job selects the rest.
    let nth = |rest: usize| -> Vec<&str> { ids(&all).into_iter().skip(rest).step_by(3).collect() };
    let by_ids = json!({"select": {"ids": nth(0)}});
    let by_owner = json!({"select": {"ids": nth(1)}, "owner": "alice"});
    for (body, stay) in [
        (by_ids, kept),
        (by_owner, kept),
        (json!({"select": {"subject": {"user_id": "alice"}}}), 3 * kept),
    ] {
        let id = service.client.submit(&body).await;
        let job = service.client.ended(&id).await;
        assert_eq!(
            (&job["state"], &job["error_code"]),
            (&json!("failed"), &json!("point_conflict")),
            "{job:#}"
        );
        for store in ["sql", "vector"] {
            assert_eq!(counts(&job)[store]["conflicted"], json!(stay), "{store} {job:#}");
        }
        let listed = service.client.items(&id, "conflicted").await;
        assert_eq!(listed.len(), 2 * stay);
        let code = Some("point_conflict".to_owned());
        assert!(listed.iter().all(|(_, _, why)| *why == code), "{listed:?}");
    }

    let mut left: Vec<Memory> = (0..all.len()).filter(stays).map(|n| all[n].clone()).collect();
    left.sort();
    assert_eq!(site.memories.left().await, left);
    assert_eq!(site.vectors.ids().await, ids(&left));
}

async fn a_point_that_lacks_the_fields_is_its_rows(layout: Layout) {
    let site = Site::new(layout).await;
    let all = memories::of("alice", 3);
    site.memories.add(&all).await;
    for (memory, payload) in all
        .iter()
        .zip([json!({}), json!({"user_id": "alice"}), json!({"memory_id": null})])
    {
        put(&site, memory, payload).await;
    }
    let service = site.start().await;

    let job = json!({"select": {"ids": ids(&all)}, "owner": "alice"});
    let job = service.client.succeeds(&job).await;

    site.holds(&[]).await;
    assert_eq!(counts(&job), json!({"sql": {"erased": 3}, "vector": {"erased": 3}}));
}

async fn without_a_row_it_is_unverifiable_where_an_owner_is_demanded(layout: Layout) {
    let site = Site::new(layout).await;
    let all = memories::of("alice", 6);
    let id = |n: usize| all[n].id.clone();
    let payloads = [
        json!({}),
        json!({"memory_id": id(1)}),
        json!({"memory_id": id(2), "user_id": null}),
        json!({"memory_id": id(3), "user_id": ["alice", "bob"]}),
        json!({"memory_id": id(4), "user_id": "bob"}),
        json!({"user_id": "alice"}),
    ];
    for (memory, payload) in all.iter().zip(payloads) {
        put(&site, memory, payload).await;
    }
    let service = site.start().await;

    let body = json!({"select": {"ids": ids(&all)}, "owner": "alice"});
    let job = service.client.submit(&body).await;
    let job = service.client.ended(&job).await;
    assert_eq!(
        (&job["state"], &job["error_code"]),
        (&json!("failed"), &json!("unverifiable")),
        "{job:#}"
    );
    let expected = json!({"unverifiable": 4, "absent": 1, "erased": 1});
    assert_eq!(counts(&job)["vector"], expected, "{job:#}");
    assert_eq!(site.vectors.count().await, 5);

    // No owner is demanded: all points with these ids are selected.
    let job = service.client.succeeds(&json!({"select": {"ids": ids(&all)}})).await;
    assert_eq!(counts(&job)["vector"], json!({"erased": 5, "absent": 1}));
    assert_eq!(site.vectors.count().await, 0);
}

async fn values_compare_by_the_columns_type(layout: Layout) {
    let mut site = Site::new(layout).await;
    site.memories
        .run("CREATE TABLE typed (id BIGINT PRIMARY KEY, owner BIGINT, team VARCHAR)")
        .await;
    let rows: Vec<String> = (1..=8).map(|id| format!("({id}, 7, '7')")).collect();
    site.memories
        .run(&format!("INSERT INTO typed VALUES {}", rows.join(",")))
        .await;
    let collection = site.vectors.collection.clone();
    site.configure(|config| {
        config
            .replace("sql_table = \"agno_memories\"", "sql_table = \"typed\"")
            .replace(
                "columns = { id = \"memory_id\", user = \"user_id\", agent = \"agent_id\" }",
                "columns = { id = \"id\", user = \"owner\", workspace = \"team\" }",
            )
            .replace(
                "point = \"uuid\", payload = { id = \"memory_id\", user = \"user_id\", agent = \"agent_id\" }",
                "point = \"number\", payload = { user = \"owner\", workspace = \"team\" }",
            )
            .replace(&collection, &collection)
    });
    let payloads = [
        (json!({"owner": 7, "team": "7"}), false),
        (json!({"owner": "7", "team": "7"}), false),
        (json!({"owner": "07"}), true),
        (json!({"owner": 8}), true),
        (json!({"owner": 7.0}), true),
        (json!({"team": 7}), true),
        (json!({"team": "7 "}), true),
        (json!({"team": true}), true),
    ];
    site.vectors
        .put(
            (1_u64..)
                .map(PointId::from)
                .zip(payloads.iter().map(|(payload, _)| payload.clone())),
        )
        .await;
    let service = site.start().await;

    let all: Vec<String> = (1..=8).map(|id| id.to_string()).collect();
    let id = service.client.submit(&json!({"select": {"ids": all}})).await;
    let job = service.client.ended(&id).await;

    assert_eq!(job["error_code"], "point_conflict", "{job:#}");
    let left: Vec<String> = (1..=8)
        .filter(|id| payloads[*id - 1].1)
        .map(|id| id.to_string())
        .collect();
    assert_eq!(site.vectors.ids().await, left);
    assert_eq!(site.memories.number("SELECT count(*) FROM typed").await, 6);
}

async fn a_point_that_changes_before_it_is_deleted_stays(layout: Layout) {
    let site = Site::new(layout).await;
    let all = memories::of("alice", 3);
    site.add(&all).await;
    let service = site.start().await;
    let mut deletion = site.tap.hold(DELETE, 0, Side::Before);
    let id = service
        .client
        .submit(&json!({"select": {"ids": ids(&all)}, "owner": "alice"}))
        .await;
    deletion.caught().await;
    put(&site, &all[0], json!({"memory_id": all[0].id, "user_id": "bob"})).await;
    deletion.release();
    let job = service.client.ended(&id).await;

    assert_eq!(site.vectors.ids().await, [all[0].id.as_str()]);
    assert_eq!(job["error_code"], "point_conflict", "{job:#}");
    for store in ["sql", "vector"] {
        assert_eq!(counts(&job)[store], json!({"erased": 2, "conflicted": 1}), "{job:#}");
    }
    // The owner of the memory is now unclear, so its row stays too.
    assert_eq!(site.memories.left().await, all[..1]);
}
