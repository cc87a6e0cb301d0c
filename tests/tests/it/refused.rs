//! A database's refusal to delete a row is reported, and does not stop the other rows.

use lethe_tests::client::counts;
use lethe_tests::layout::Layout;
use lethe_tests::memories::{self, ids};
use lethe_tests::service::Site;
use lethe_tests::{on_both_databases, on_layouts};
use serde_json::json;

on_both_databases!(
    a_row_that_is_referenced_stays_and_the_others_go,
    a_row_that_is_alone_in_its_batch_does_not_stop_the_rest,
    nothing_more_is_begun_where_every_row_is_refused,
);

on_layouts!(mysql = MYSQL: a_row_that_is_referenced_stays_and_the_others_go);

async fn a_row_that_is_referenced_stays_and_the_others_go(layout: Layout) {
    one_stays_of_sixty(layout, 10).await;
}

async fn a_row_that_is_alone_in_its_batch_does_not_stop_the_rest(layout: Layout) {
    one_stays_of_sixty(layout, 1).await;
}

async fn one_stays_of_sixty(layout: Layout, batch: u32) {
    let mut site = Site::new(layout).await;
    site.configure(|config| config.set("worker.batch", batch));
    let all = memories::of("ana", 60);
    site.add(&all).await;
    let kept = &all[37];
    let note = "CREATE TABLE notes (memory_id VARCHAR REFERENCES agno_memories (memory_id));";
    site.memories
        .run(&format!("{note} INSERT INTO notes VALUES ('{}')", kept.id))
        .await;
    let service = site.start().await;

    for select in [json!({"subject": {"user_id": "ana"}}), json!({"ids": ids(&all)})] {
        let id = service.client.submit(&json!({"select": select})).await;
        let job = service.client.ended(&id).await;

        assert_eq!(
            (&job["state"], &job["error_code"]),
            (&json!("failed"), &json!("constraint"))
        );
        assert_eq!(job["stores"][0]["counts"]["failed"], 1, "{job}");
        let said = (kept.id.clone(), "sql".to_owned(), Some("constraint".to_owned()));
        assert_eq!(service.client.items(&id, "failed").await, [said]);
        assert_eq!(site.memories.left().await, std::slice::from_ref(kept));
        assert_eq!(site.vectors.count().await, 0);
    }
    site.memories.run("DELETE FROM notes").await;
    service
        .client
        .succeeds(&json!({"select": {"subject": {"user_id": "ana"}}}))
        .await;
    site.holds(&[]).await;
}

async fn nothing_more_is_begun_where_every_row_is_refused(layout: Layout) {
    let mut site = Site::new(layout).await;
    site.configure(|config| config.set("worker.batch", 4));
    let all = memories::of("ana", 60);
    site.add(&all).await;
    site.memories
        .run(
            "CREATE TABLE notes (memory_id VARCHAR REFERENCES agno_memories (memory_id));
             INSERT INTO notes SELECT memory_id FROM agno_memories",
        )
        .await;
    let service = site.start().await;

    // Few partitions, four at a time.
    let id = service
        .client
        .submit(&json!({"select": {"subject": {"user_id": "ana"}}}))
        .await;
    let job = service.client.ended(&id).await;

    assert_eq!(
        (&job["state"], &job["error_code"]),
        (&json!("failed"), &json!("constraint"))
    );
    assert_eq!(site.memories.count().await, 60);
    let erased = counts(&job)["vector"]["erased"].as_u64().unwrap();
    assert_eq!(site.vectors.count().await, 60 - erased, "{job}");
    assert!((10..60).contains(&erased), "{job}");
}
