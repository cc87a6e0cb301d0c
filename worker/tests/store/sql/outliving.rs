//! Rows that outlive the rows that they reference: they are no dependents, but memories of their own or unowned rows.

use lethe_common::config::Table;
use lethe_worker::store::sql::Deletion;
use serde_json::{Value, json};

use super::harness::{Database, table};
use crate::{item, items, of_user};

super::on_each! {
    a_dependent_whose_reference_may_be_null_does_not_fit,
    a_dependent_whose_reference_is_set_null_does_not_fit,
    memories_of_conversations_get_a_table_of_their_own,
    what_would_take_memories_along_is_left_out,
    parts_that_may_belong_to_nothing_are_left_out,
    what_went_of_dependents_is_counted_for_each_share,
    dependents_of_a_transaction_that_is_rolled_back_are_not_counted,
}

fn said(faults: &[lethe_worker::store::MappingFault]) -> Vec<String> {
    faults.iter().map(ToString::to_string).collect()
}

fn mapping(dependents: &Value) -> Table {
    table(json!({"name": "memories", "columns": {"id": "id", "user": "user_id"}, "dependents": dependents}))
}

const MEMORIES: &str = "CREATE TABLE memories (id BIGINT PRIMARY KEY, user_id TEXT)";

async fn a_dependent_whose_reference_may_be_null_does_not_fit(database: Database) {
    database
        .run(&format!(
            "{MEMORIES}; CREATE TABLE chunks (id BIGINT PRIMARY KEY, memory BIGINT);
             CREATE TABLE terms (n BIGINT PRIMARY KEY, chunk BIGINT, FOREIGN KEY (chunk) REFERENCES chunks (id))"
        ))
        .await;
    let of = |nullable: bool, below: bool| {
        let terms = json!([{"table": "terms", "references": "chunk", "nullable": below}]);
        mapping(
            &json!([{"table": "chunks", "references": "memory", "nullable": nullable, "id": "id", "dependents": terms}]),
        )
    };
    let fault = |column: &str, table: &str| {
        format!(
            "`dependents.references`: column `{column}` of `{table}` may be NULL: rows with NULL belong to no memory and would \
             stay; make it NOT NULL, give `{table}` a table of its own in this target, or write nullable = true if such \
             rows belong to no person"
        )
    };
    let faults = said(&database.faults(&of(false, false)).await);
    assert_eq!(faults, [fault("memory", "chunks"), fault("chunk", "terms")]);
    let faults = said(&database.faults(&of(true, false)).await);
    assert_eq!(faults, [fault("chunk", "terms")]);

    database
        .run(
            "INSERT INTO memories VALUES (1, 'alice'); INSERT INTO chunks VALUES (1, 1), (2, NULL);
             INSERT INTO terms VALUES (1, 1), (2, 2), (3, NULL)",
        )
        .await;
    let opened = database.open(&of(true, true)).await;
    let deletion = opened.delete(&items(&["1"], &of_user("alice"))).await.unwrap();
    assert_eq!(deletion.deleted, [true]);
    // A row without a memory stays, as the mapping says.
    assert_eq!(database.left("chunks", "id").await, ["2"]);
    assert_eq!(database.left("terms", "n").await, ["2", "3"]);
    assert_eq!(taken(&deletion, 0), json!({"chunks": 1, "terms": 1}));
}

async fn a_dependent_whose_reference_is_set_null_does_not_fit(database: Database) {
    let mut rules = vec!["SET NULL"];
    if !database.is_mysql() {
        rules.push("SET DEFAULT");
    }
    for rule in rules {
        database
            .run(&format!(
                "{MEMORIES}; CREATE TABLE notes (id BIGINT PRIMARY KEY, memory BIGINT,
                     FOREIGN KEY (memory) REFERENCES memories (id) ON DELETE {rule})"
            ))
            .await;
        for nullable in [false, true] {
            let notes = mapping(&json!([{"table": "notes", "references": "memory", "nullable": nullable}]));
            assert_eq!(
                said(&database.faults(&notes).await),
                [
                    "`dependents.references`: rows of `notes` stay when the row referenced by `memory` is deleted: ON DELETE SET \
                     NULL or SET DEFAULT; give `notes` a table of its own in this target, or let the key be ON DELETE CASCADE"
                ]
            );
        }
        database.run("DROP TABLE notes; DROP TABLE memories").await;
    }
}

/// Makes people with conversations, memories from them that outlive them, and chunks of memories.
async fn conversations(database: &Database, of_conversation: &str) {
    database
        .run(&format!(
            "CREATE TABLE users (id BIGINT PRIMARY KEY, email TEXT UNIQUE);
             CREATE TABLE conversations (id BIGINT PRIMARY KEY, user_id TEXT);
             CREATE TABLE memories (id BIGINT PRIMARY KEY, user_id TEXT, conversation_id BIGINT {of_conversation});
             CREATE TABLE memory_chunks (id BIGINT PRIMARY KEY, memory_id BIGINT NOT NULL,
                 FOREIGN KEY (memory_id) REFERENCES memories (id))"
        ))
        .await;
}

const CHUNKS: &str = r#"[{"table": "memory_chunks", "references": "memory_id"}]"#;

fn proposed_memories() -> Value {
    let chunks: Value = serde_json::from_str(CHUNKS).unwrap();
    json!({"name": "memories", "columns": {"id": "id", "user": "user_id", "run": "conversation_id"}, "dependents": chunks})
}

async fn memories_of_conversations_get_a_table_of_their_own(database: Database) {
    let key = ", FOREIGN KEY (conversation_id) REFERENCES conversations (id) ON DELETE SET NULL";
    conversations(&database, key).await;
    let proposed = database.store().propose().await.unwrap();

    let conversations = json!({"name": "conversations", "columns": {"id": "id", "user": "user_id"}});
    assert_eq!(
        serde_json::to_value(&proposed.tables).unwrap(),
        json!([conversations, proposed_memories()])
    );
    assert!(proposed.above.is_empty() && proposed.loose.is_empty(), "{proposed:?}");
    // Either can go, and no advice names the other.
    for table in &proposed.tables {
        let opened = database.open(table).await;
        let advice = said(&opened.advice_beside(table, &proposed.tables).await.unwrap());
        assert!(
            !advice.iter().any(|advice| advice.contains("conversation_id")),
            "{advice:#?}"
        );
    }
    // An earlier proposal does not fit.
    let below: Value = serde_json::from_str(CHUNKS).unwrap();
    let before = table(
        json!({"name": "conversations", "columns": {"id": "id", "user": "user_id"},
        "dependents": [{"table": "memories", "references": "conversation_id", "id": "id", "dependents": below}]}),
    );
    let faults = said(&database.faults(&before).await);
    assert!(
        faults.len() == 1 && faults[0].contains("rows of `memories` stay when"),
        "{faults:#?}"
    );
}

async fn what_would_take_memories_along_is_left_out(database: Database) {
    for (key, consequence) in [
        (
            "NOT NULL, FOREIGN KEY (conversation_id) REFERENCES conversations (id) ON DELETE CASCADE",
            "are deleted with them",
        ),
        (
            ", FOREIGN KEY (conversation_id) REFERENCES conversations (id)",
            "prevent their deletion until",
        ),
    ] {
        conversations(&database, key).await;
        let proposed = database.store().propose().await.unwrap();
        assert_eq!(
            serde_json::to_value(&proposed.tables).unwrap(),
            json!([proposed_memories()]),
            "{key}"
        );
        assert_eq!(proposed.above, ["conversations"]);
        // An operator who maps both gets advice.
        let both = [
            table(json!({"name": "conversations", "columns": {"id": "id", "user": "user_id"}})),
            proposed.tables[0].clone(),
        ];
        let opened = database.open(&both[0]).await;
        let advice = said(&opened.advice_beside(&both[0], &both).await.unwrap());
        let told = format!(
            "rows of `memories`, which has its own table here, reference `conversations` by `conversation_id` and {consequence}"
        );
        assert!(advice.iter().any(|advice| advice.contains(&told)), "{advice:#?}");
        database
            .run("DROP TABLE memory_chunks; DROP TABLE memories; DROP TABLE conversations; DROP TABLE users")
            .await;
    }
}

async fn parts_that_may_belong_to_nothing_are_left_out(database: Database) {
    database
        .run(&format!(
            "{MEMORIES};
             CREATE TABLE chunks (id BIGINT PRIMARY KEY, memory BIGINT, FOREIGN KEY (memory) REFERENCES memories (id));
             CREATE TABLE sessions (id BIGINT PRIMARY KEY, user_id TEXT);
             CREATE TABLE messages (id BIGINT PRIMARY KEY, session BIGINT NOT NULL,
                 FOREIGN KEY (session) REFERENCES sessions (id))"
        ))
        .await;
    let proposed = database.store().propose().await.unwrap();
    assert_eq!(
        serde_json::to_value(&proposed.tables).unwrap(),
        json!([
            {"name": "memories", "columns": {"id": "id", "user": "user_id"}},
            {"name": "sessions", "columns": {"id": "id", "user": "user_id"},
                "dependents": [{"table": "messages", "references": "session"}]},
        ])
    );
    assert_eq!(proposed.loose, ["chunks"]);
}

fn taken(deletion: &Deletion, share: usize) -> Value {
    let of_share = deletion.dependents.iter().filter(|((of, _), _)| *of == share);
    Value::Object(of_share.map(|((_, table), n)| (table.clone(), json!(n))).collect())
}

async fn what_went_of_dependents_is_counted_for_each_share(database: Database) {
    database
        .run(&format!(
            "{MEMORIES};
             CREATE TABLE chunks (id BIGINT PRIMARY KEY, memory BIGINT NOT NULL);
             CREATE TABLE terms (n BIGINT PRIMARY KEY, chunk BIGINT NOT NULL);
             INSERT INTO memories VALUES (1, 'alice'), (2, 'alice'), (3, 'alice'), (4, 'bob'), (5, 'alice');
             INSERT INTO chunks VALUES (10, 1), (11, 1), (20, 2), (30, 3), (40, 4), (41, 4);
             INSERT INTO terms VALUES (1, 10), (2, 10), (3, 11), (4, 20), (5, 40)"
        ))
        .await;
    let terms = json!([{"table": "terms", "references": "chunk"}]);
    let chunks = json!([{"table": "chunks", "references": "memory", "id": "id", "dependents": terms}]);
    let table = database.open(&mapping(&chunks)).await;
    let alice = of_user("alice");
    let batch: Vec<_> = ["1", "2", "3", "4", "5", "6"].map(|id| item(id, &alice)).to_vec();

    let deletion = table.delete_shares(&batch, &[0, 1, 0, 1, 2, 2]).await.unwrap();

    assert_eq!(deletion.deleted, [true, true, true, false, true, false]);
    assert_eq!(taken(&deletion, 0), json!({"chunks": 3, "terms": 3}));
    assert_eq!(taken(&deletion, 1), json!({"chunks": 1, "terms": 1}));
    assert_eq!(taken(&deletion, 2), json!({}));
    assert_eq!(database.left("chunks", "id").await, ["40", "41"]);
    assert_eq!(database.left("terms", "n").await, ["5"]);
    // A second call finds no rows, and counts none.
    let deletion = table.delete_shares(&batch, &[0, 1, 0, 1, 2, 2]).await.unwrap();
    assert!(deletion.dependents.is_empty());
}

async fn dependents_of_a_transaction_that_is_rolled_back_are_not_counted(database: Database) {
    database
        .run(&format!(
            "{MEMORIES};
             CREATE TABLE chunks (id BIGINT PRIMARY KEY, memory BIGINT NOT NULL);
             CREATE TABLE others (memory BIGINT, FOREIGN KEY (memory) REFERENCES memories (id));
             INSERT INTO memories VALUES (1, 'alice'), (2, 'alice'), (3, 'alice');
             INSERT INTO chunks VALUES (10, 1), (20, 2), (21, 2), (30, 3); INSERT INTO others VALUES (2)"
        ))
        .await;
    let table = database
        .open(&mapping(&json!([{"table": "chunks", "references": "memory"}])))
        .await;
    let alice = of_user("alice");
    let batch: Vec<_> = ["1", "2", "3"].map(|id| item(id, &alice)).to_vec();

    let deletion = table.delete_shares(&batch, &[0, 0, 1]).await.unwrap();

    assert_eq!(deletion.refused[&1].code().as_str(), "constraint");
    assert_eq!(taken(&deletion, 0), json!({"chunks": 1}));
    assert_eq!(taken(&deletion, 1), json!({"chunks": 1}));
    assert_eq!(database.left("chunks", "id").await, ["20", "21"]);
}
