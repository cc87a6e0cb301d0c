//! Concurrent transactions on the same rows, on databases with row locks.

use std::time::Duration;

use lethe_worker::store::Class;
use lethe_worker::store::sql::{Deletion, SqlTable};
use serde_json::json;

use super::harness::{Database, table};
use crate::{item, items, of_user};

super::on_servers! {
    conditions_are_checked_again_after_waiting_for_a_lock,
    a_lock_that_is_not_released_in_time_is_busy,
    workers_that_meet_on_the_same_rows_do_not_deadlock,
}

/// Waits until a transaction waits for a lock in this database.
pub(super) async fn somebody_waits_for_a_lock(database: &Database) {
    waiting_for_locks(database, 1).await;
}

/// Waits until `n` transactions wait for locks in this database.
pub(super) async fn waiting_for_locks(database: &Database, n: i64) {
    // MySQL caches this answer for a moment: a query that repeats sooner gets the same one.
    let (text, pause) = if database.is_mysql() {
        let name = database.name();
        (
            format!(
                "SELECT CAST(count(*) AS SIGNED) FROM information_schema.innodb_locks WHERE lock_table LIKE '%{name}%'"
            ),
            300,
        )
    } else {
        (
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
                .to_owned(),
            5,
        )
    };
    loop {
        let waiting: i64 = sqlx::query_scalar(sqlx::AssertSqlSafe(text.clone()))
            .fetch_one(&database.pool)
            .await
            .unwrap();
        if waiting >= n {
            return;
        }
        tokio::time::sleep(Duration::from_millis(pause)).await;
    }
}

async fn conditions_are_checked_again_after_waiting_for_a_lock(database: Database) {
    database.memories("TEXT").await;
    database.run("CREATE TABLE chunks (memory_id TEXT NOT NULL)").await;
    for (dependents, chunks) in [
        (json!([]), vec!["1", "2"]),
        (json!([{"table": "chunks", "references": "memory_id"}]), vec!["1"]),
    ] {
        database
            .run("DELETE FROM memories; DELETE FROM chunks; INSERT INTO chunks VALUES ('1'), ('2')")
            .await;
        database.add(&[("1", "alice", "w"), ("2", "alice", "w")]).await;
        let table = database
            .open(&table(json!({
                "name": "memories",
                "columns": {"id": "id", "user": "user_id"},
                "dependents": dependents,
            })))
            .await;
        let mut other = database.pool.begin_with("BEGIN").await.unwrap();
        sqlx::query("UPDATE memories SET user_id = 'bob' WHERE id = '1'")
            .execute(&mut *other)
            .await
            .unwrap();

        let batch = items(&["1", "2"], &of_user("alice"));
        let (deleted, ()) = tokio::join!(table.delete(&batch), async {
            somebody_waits_for_a_lock(&database).await;
            other.commit().await.unwrap();
        });

        assert_eq!(deleted.unwrap().deleted, [false, true]);
        assert_eq!(database.left("memories", "id").await, ["1"]);
        assert_eq!(database.left("chunks", "memory_id").await, chunks);
    }
}

async fn a_lock_that_is_not_released_in_time_is_busy(database: Database) {
    let mapping = database.memories("TEXT").await;
    database.add(&[("1", "alice", "w")]).await;
    let store = database.store_within(Duration::from_secs(3));
    let table = SqlTable::open(&store, &mapping).await.unwrap();
    let mut other = database.pool.begin_with("BEGIN").await.unwrap();
    sqlx::query("UPDATE memories SET body = 'x'")
        .execute(&mut *other)
        .await
        .unwrap();

    let error = table.delete(&items(&["1"], &of_user("alice"))).await.unwrap_err();

    assert_eq!((error.code().as_str(), error.class()), ("busy", Class::Transient));
    assert!(!error.is_outage());
    other.rollback().await.unwrap();
    assert_eq!(
        table.delete(&items(&["1"], &of_user("alice"))).await.unwrap().deleted,
        [true]
    );
}

async fn workers_that_meet_on_the_same_rows_do_not_deadlock(database: Database) {
    database.memories("TEXT").await;
    database
        .run("CREATE TABLE chunks (memory_id VARCHAR(20) NOT NULL); CREATE INDEX of_memory ON chunks (memory_id)")
        .await;
    let ids: Vec<String> = (1..=2_000).map(|id| id.to_string()).collect();
    let rows: Vec<String> = ids.iter().map(|id| format!("('{id}', 'alice', 'w', '')")).collect();
    database
        .run(&format!(
            "INSERT INTO memories VALUES {}; INSERT INTO chunks SELECT id FROM memories",
            rows.join(", ")
        ))
        .await;
    let table = database
        .open(&table(json!({
            "name": "memories",
            "columns": {"id": "id", "user": "user_id"},
            "dependents": [{"table": "chunks", "references": "memory_id"}],
        })))
        .await;
    let up: Vec<_> = ids.iter().map(|id| item(id, &of_user("alice"))).collect();
    let down: Vec<_> = up.iter().rev().cloned().collect();

    let (first, second) = tokio::join!(table.delete(&up), table.delete(&down));

    let count = |deletion: Deletion| deletion.deleted.into_iter().filter(|deleted| *deleted).count();
    assert_eq!(count(first.unwrap()) + count(second.unwrap()), 2_000);
    assert!(database.left("chunks", "memory_id").await.is_empty());
}
