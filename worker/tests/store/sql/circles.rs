//! Foreign keys without a possible order of deletes, and keys of several columns.

use lethe_common::config::Table;
use serde_json::json;

use super::harness::{Database, table};
use crate::{items, of_user};

super::on_each! {
    a_key_of_several_columns_is_no_id,
    memories_that_keep_each_other_do_not_fit,
    memories_that_go_with_others_are_said,
    a_circle_through_a_dependent_does_not_fit_unless_the_database_breaks_it,
    dependents_are_written_before_what_they_reference,
    dependents_that_keep_each_other_go_together_where_the_database_lets_them,
}

async fn said(database: &Database, table: &Table) -> Vec<String> {
    let faults = database.faults(table).await;
    faults.iter().map(ToString::to_string).collect()
}

/// Adds a foreign key. SQLite accepts one only when a table is created, so its table is created anew.
async fn add_key(database: &Database, table: &str, column: &str, references: &str) {
    if database.is_sqlite() {
        let made: String = sqlx::query_scalar("SELECT sql FROM sqlite_master WHERE name = $1")
            .bind(table)
            .fetch_one(&database.pool)
            .await
            .unwrap();
        let made = made.trim_end().strip_suffix(')').unwrap().to_owned();
        database
            .run(&format!(
                "DROP TABLE {table}; {made}, FOREIGN KEY ({column}) REFERENCES {references})"
            ))
            .await;
    } else {
        database
            .run(&format!(
                "ALTER TABLE {table} ADD FOREIGN KEY ({column}) REFERENCES {references}"
            ))
            .await;
    }
}

async fn a_key_of_several_columns_is_no_id(database: Database) {
    database
        .run(
            "CREATE TABLE memories (tenant TEXT, id TEXT, part BIGINT, body TEXT, PRIMARY KEY (tenant, id));
             CREATE TABLE chunks (memory TEXT, id TEXT, PRIMARY KEY (memory, id))",
        )
        .await;
    let mapping = table(json!({"name": "memories", "columns": {"id": "id"}}));
    let key = "it is part of the composite key `tenant`, `id`, but an id must be one column";
    assert_eq!(
        said(&database, &mapping).await,
        [format!(
            "`columns.id`: column `id` of `memories` is not unique: {key}; add a unique index on `id` alone \
             if its values are unique, or add a column with unique values"
        )]
    );

    database
        .run("CREATE UNIQUE INDEX memories_part ON memories (part)")
        .await;
    assert_eq!(
        said(&database, &mapping).await,
        [format!(
            "`columns.id`: column `id` of `memories` is not unique: {key}; there are `part`"
        )]
    );
    let below = json!([{"table": "terms", "references": "chunk"}]);
    let mapping = table(json!({"name": "memories", "columns": {"id": "part"},
        "dependents": [{"table": "chunks", "references": "memory", "id": "id", "dependents": below}]}));
    let faults = said(&database, &mapping).await;
    let composite =
        "`dependents.id`: column `id` of `chunks` is not unique: it is part of the composite key `memory`, `id`";
    assert!(faults.iter().any(|fault| fault.starts_with(composite)), "{faults:#?}");
}

fn memories() -> Table {
    table(json!({"name": "memories", "columns": {"id": "id", "user": "user_id"}}))
}

async fn of_memories(database: &Database, on_delete: &str) {
    database
        .run("CREATE TABLE memories (id BIGINT PRIMARY KEY, user_id TEXT, parent BIGINT)")
        .await;
    add_key(database, "memories", "parent", &format!("memories (id) {on_delete}")).await;
    database.run("CREATE INDEX memories_user ON memories (user_id)").await;
    database
        .run("INSERT INTO memories VALUES (1, 'alice', NULL), (2, 'bob', 1)")
        .await;
}

async fn memories_that_keep_each_other_do_not_fit(database: Database) {
    let fault = "`sql_table`: `parent` of `memories` references `memories` and prevents the deletion of referenced rows: \
                 a memory could not be deleted before its referencing rows; \
                 declare the key ON DELETE SET NULL";
    for on_delete in ["", "ON DELETE RESTRICT"] {
        of_memories(&database, on_delete).await;
        assert_eq!(said(&database, &memories()).await, [fault]);
        database
            .run("DELETE FROM memories WHERE id = 2; DROP TABLE memories")
            .await;
    }

    of_memories(&database, "ON DELETE SET NULL").await;
    let opened = database.open(&memories()).await;
    assert!(opened.advice(&memories()).await.unwrap().is_empty());
    let deletion = opened.delete(&items(&["1"], &of_user("alice"))).await.unwrap();
    assert_eq!(deletion.deleted, [true]);
    assert_eq!(database.left("memories", "id").await, ["2"]);
}

async fn memories_that_go_with_others_are_said(database: Database) {
    of_memories(&database, "ON DELETE CASCADE").await;
    let mut mapping = memories();
    let opened = database.open(&mapping).await;
    let advice = async |mapping: &Table| opened.advice(mapping).await.unwrap()[0].to_string();
    let rows = "`sql_table`: the database deletes rows of `memories` with the row that they reference by `parent`, even if not \
                selected, and does not count them";
    let instead = "declare the key ON DELETE SET NULL";
    assert_eq!(advice(&mapping).await, format!("{rows}; {instead}"));
    mapping.collection = serde_json::from_value(json!({"name": "m", "point": "number"})).unwrap();
    assert_eq!(
        advice(&mapping).await,
        format!("{rows}, and leave their vectors behind; {instead}")
    );
}

async fn a_circle_through_a_dependent_does_not_fit_unless_the_database_breaks_it(database: Database) {
    let mapping = table(json!({"name": "memories", "columns": {"id": "id", "user": "user_id"},
        "dependents": [{"table": "notes", "references": "memory"}]}));
    let fault = "`dependents.table`: foreign key `last_note` of `memories` makes a circle with `notes`: \
                 neither can be deleted first";
    let mut broken = vec!["ON DELETE SET NULL"];
    if !database.is_mysql() {
        broken.push("DEFERRABLE INITIALLY DEFERRED");
    }
    let whole = ["", "ON DELETE RESTRICT", "ON DELETE CASCADE"];
    for (n, on_delete) in whole.iter().chain(&broken).enumerate() {
        database
            .run(
                "CREATE TABLE memories (id BIGINT PRIMARY KEY, user_id TEXT, last_note BIGINT);
                 CREATE TABLE notes (id BIGINT PRIMARY KEY, memory BIGINT NOT NULL, FOREIGN KEY (memory) REFERENCES memories (id))",
            )
            .await;
        add_key(&database, "memories", "last_note", &format!("notes (id) {on_delete}")).await;
        if n < whole.len() {
            let said = said(&database, &mapping).await;
            assert!(said.len() == 1 && said[0].starts_with(fault), "{on_delete}: {said:#?}");
            assert!(said[0].contains("ON DELETE SET NULL"), "{said:#?}");
        } else {
            database
                .run(
                    "INSERT INTO memories VALUES (1, 'alice', NULL), (2, 'alice', NULL);
                     INSERT INTO notes VALUES (10, 1), (20, 2);
                     UPDATE memories SET last_note = 10 * id",
                )
                .await;
            let opened = database.open(&mapping).await;
            let deletion = opened.delete(&items(&["1"], &of_user("alice"))).await.unwrap();
            assert_eq!(deletion.deleted, [true], "{on_delete}");
            assert_eq!(database.left("memories", "id").await, ["2"]);
            assert_eq!(database.left("notes", "id").await, ["20"]);
        }
        if database.is_mysql() {
            database
                .run("SET foreign_key_checks = 0; DROP TABLE memories; DROP TABLE notes; SET foreign_key_checks = 1")
                .await;
        } else if database.is_sqlite() {
            database
                .run("PRAGMA foreign_keys = OFF; DROP TABLE memories; DROP TABLE notes; PRAGMA foreign_keys = ON")
                .await;
        } else {
            database.run("DROP TABLE memories CASCADE; DROP TABLE notes").await;
        }
    }
}

async fn dependents_are_written_before_what_they_reference(database: Database) {
    database
        .run(
            "CREATE TABLE memories (id BIGINT PRIMARY KEY, user_id TEXT);
             CREATE TABLE chunks (id BIGINT PRIMARY KEY, memory BIGINT NOT NULL, FOREIGN KEY (memory) REFERENCES memories (id));
             CREATE TABLE links (memory BIGINT NOT NULL, chunk BIGINT NOT NULL, FOREIGN KEY (memory) REFERENCES memories (id),
                                 FOREIGN KEY (chunk) REFERENCES chunks (id))",
        )
        .await;
    let chunks = json!({"table": "chunks", "references": "memory"});
    let links = json!({"table": "links", "references": "memory"});
    let mapping = |dependents: serde_json::Value| {
        table(json!({"name": "memories", "columns": {"id": "id"}, "dependents": dependents}))
    };
    assert_eq!(
        said(&database, &mapping(json!([chunks, links]))).await,
        [
            "`dependents.table`: foreign key `chunk` of `links` references `chunks`, but `links` is deleted after it; \
             write `links` before `chunks`"
        ]
    );
    database.open(&mapping(json!([links, chunks]))).await;
    // Rows that reference a chunk have gone before it.
    let nested = json!({"table": "chunks", "references": "memory", "id": "id",
        "dependents": [{"table": "links", "references": "chunk"}]});
    database.open(&mapping(json!([nested, links]))).await;
}

async fn dependents_that_keep_each_other_go_together_where_the_database_lets_them(database: Database) {
    let mapping = table(json!({"name": "memories", "columns": {"id": "id", "user": "user_id"},
        "dependents": [{"table": "chunks", "references": "memory"}]}));
    let fault = "`dependents.table`: `parent` of `chunks` references `chunks`, so its rows cannot be deleted together; \
                 let the database delete them together: ON DELETE CASCADE";
    database
        .run("CREATE TABLE memories (id BIGINT PRIMARY KEY, user_id TEXT)")
        .await;
    for on_delete in ["ON DELETE RESTRICT", "", "ON DELETE CASCADE"] {
        database
            .run(&format!(
                "CREATE TABLE chunks (id BIGINT PRIMARY KEY, memory BIGINT NOT NULL, parent BIGINT,
                     FOREIGN KEY (memory) REFERENCES memories (id), FOREIGN KEY (parent) REFERENCES chunks (id) {on_delete})"
            ))
            .await;
        let kept = on_delete == "ON DELETE RESTRICT" || (database.is_mysql() && on_delete.is_empty());
        if kept {
            assert_eq!(said(&database, &mapping).await, [fault], "{on_delete}");
        } else {
            database
                .run(
                    "INSERT INTO memories VALUES (1, 'alice');
                     INSERT INTO chunks VALUES (1, 1, NULL), (2, 1, 1), (3, 1, 2)",
                )
                .await;
            let opened = database.open(&mapping).await;
            let advice = opened.advice(&mapping).await.unwrap();
            assert!(!advice.iter().any(|advice| advice.key == "dependents"), "{advice:?}");
            let deletion = opened.delete(&items(&["1"], &of_user("alice"))).await.unwrap();
            assert_eq!(deletion.deleted, [true], "{on_delete}");
            assert!(database.left("chunks", "id").await.is_empty());
        }
        database.run("DROP TABLE chunks").await;
    }
}
