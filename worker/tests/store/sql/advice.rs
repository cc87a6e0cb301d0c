//! Advice on mappings that fit, and proposals for tables without a mapping.

use lethe_common::config::{Table, Uuids};
use serde_json::{Value, json};

use super::harness::{Database, table};

super::on_each! {
    what_would_be_left_is_said,
    a_mapping_that_leaves_nothing_is_not_talked_about,
    what_is_found_by_looking_at_every_row_is_said,
    a_schema_is_read_from_its_names_and_keys,
    tables_in_a_circle_are_proposed_once,
    what_chunks_belong_to_is_proposed_whatever_it_is_called,
    a_part_of_a_part_is_proposed_once,
    an_id_that_is_given_again_is_said,
    how_uuids_are_written_is_read_from_one,
    an_owner_in_a_conversation_is_proposed_and_advised,
    an_owner_that_is_another_person_is_never_proposed,
}

async fn advice(database: &Database, table: &Table) -> Vec<String> {
    let opened = database.open(table).await;
    let mut advice: Vec<String> = opened
        .advice(table)
        .await
        .unwrap()
        .iter()
        .map(ToString::to_string)
        .collect();
    advice.sort();
    advice
}

async fn references(database: &Database) {
    database
        .run(
            "CREATE TABLE memories (id BIGINT PRIMARY KEY, user_id TEXT, part BIGINT, created_at BIGINT);
             CREATE INDEX memories_user ON memories (user_id); CREATE UNIQUE INDEX memories_part ON memories (id, part);
             CREATE TABLE chunks (id BIGINT PRIMARY KEY, memory BIGINT NOT NULL, FOREIGN KEY (memory) REFERENCES memories (id));
             CREATE INDEX chunks_memory ON chunks (memory);
             CREATE TABLE terms (chunk BIGINT NOT NULL, FOREIGN KEY (chunk) REFERENCES chunks (id));
             CREATE TABLE links (memory BIGINT, FOREIGN KEY (memory) REFERENCES memories (id) ON DELETE SET NULL);
             CREATE TABLE maybe (memory BIGINT, FOREIGN KEY (memory) REFERENCES memories (id));
             CREATE TABLE gone (memory BIGINT, FOREIGN KEY (memory) REFERENCES memories (id) ON DELETE CASCADE);
             CREATE TABLE pairs (memory BIGINT, part BIGINT, FOREIGN KEY (memory, part) REFERENCES memories (id, part))",
        )
        .await;
}

async fn what_would_be_left_is_said(database: Database) {
    references(&database).await;
    let mapping = json!({"name": "memories", "columns": {"id": "id", "user": "user_id", "created_at": "created_at"},
        "dependents": [{"table": "chunks", "references": "memory"}]});

    assert_eq!(
        advice(&database, &table(mapping)).await,
        [
            "`dependents`: rows of `links` reference `memories` by `memory` and stay without the reference; \
             give `links` a table of its own in this target, or let the database delete them: ON DELETE CASCADE",
            "`dependents`: rows of `maybe` reference `memories` by `memory` and prevent the deletion of the rows that they reference; \
             make `memory` NOT NULL and write dependents = [{ table = \"maybe\", references = \"memory\" }] for `memories`; \
             add nullable = true if rows with NULL belong to no person",
            "`dependents`: rows of `pairs` reference `memories` by `memory`, `part` and prevent the deletion of the rows that they reference; \
             let the database delete them: ON DELETE CASCADE",
            "`dependents`: rows of `terms` reference `chunks` by `chunk` and prevent the deletion of the rows that they reference; \
             write id = \"id\" and dependents = [{ table = \"terms\", references = \"chunk\" }] for `chunks`",
        ]
    );
}

async fn a_mapping_that_leaves_nothing_is_not_talked_about(database: Database) {
    database
        .run(
            "CREATE TABLE memories (id BIGINT PRIMARY KEY, user_id TEXT);
             CREATE INDEX memories_user ON memories (user_id);
             CREATE TABLE chunks (id BIGINT PRIMARY KEY, memory BIGINT NOT NULL, FOREIGN KEY (memory) REFERENCES memories (id));
             CREATE INDEX chunks_memory ON chunks (memory);
             CREATE TABLE terms (chunk BIGINT NOT NULL, FOREIGN KEY (chunk) REFERENCES chunks (id));
             CREATE INDEX terms_chunk ON terms (chunk)",
        )
        .await;
    let below = json!([{"table": "terms", "references": "chunk"}]);
    let mapping = json!({"name": "memories", "columns": {"id": "id", "user": "user_id"},
        "dependents": [{"table": "chunks", "references": "memory", "id": "id", "dependents": below}]});

    assert_eq!(advice(&database, &table(mapping)).await, [""; 0]);
}

async fn what_is_found_by_looking_at_every_row_is_said(database: Database) {
    database
        .run(
            "CREATE TABLE memories (id BIGINT PRIMARY KEY, user_id TEXT, tenant TEXT, inserted_at BIGINT);
             CREATE INDEX memories_tenant ON memories (tenant, user_id);
             CREATE TABLE chunks (n BIGINT, memory BIGINT NOT NULL)",
        )
        .await;
    let mapping = json!({"name": "memories", "columns": {"id": "id", "user": "user_id", "workspace": "tenant"},
        "dependents": [{"table": "chunks", "references": "memory"}]});
    let quoted = |text: &str| {
        if database.is_mysql() {
            text.to_owned()
        } else {
            text.replace('`', "\"")
        }
    };

    assert_eq!(
        advice(&database, &table(mapping)).await,
        [
            "`columns.created_at`: is not mapped: a query may delete rows created after it began; \
             write created_at = \"inserted_at\""
                .to_owned(),
            format!(
                "`columns.user`: no index begins with `user_id`: a person's memories need a full table scan; {}",
                quoted("CREATE INDEX `memories_user_id` ON `memories` (`user_id`)")
            ),
            format!(
                "`dependents.references`: no index begins with `memory`: each batch needs a full table scan; {}",
                quoted("CREATE INDEX `chunks_memory` ON `chunks` (`memory`)")
            ),
        ]
    );
}

async fn a_schema_is_read_from_its_names_and_keys(database: Database) {
    database
        .run(
            "CREATE TABLE users (id BIGINT PRIMARY KEY, external_id TEXT UNIQUE);
             CREATE TABLE memories (id BIGINT PRIMARY KEY, owner_id BIGINT NOT NULL, tenant_id TEXT, memory_type TEXT,
                                    version BIGINT, created_at BIGINT, body TEXT,
                                    FOREIGN KEY (owner_id) REFERENCES users (id));
             CREATE TABLE chunks (id BIGINT PRIMARY KEY, memory BIGINT NOT NULL, FOREIGN KEY (memory) REFERENCES memories (id));
             CREATE TABLE terms (chunk BIGINT NOT NULL, FOREIGN KEY (chunk) REFERENCES chunks (id));
             CREATE TABLE gone (memory BIGINT, FOREIGN KEY (memory) REFERENCES memories (id) ON DELETE CASCADE);
             CREATE TABLE chat_messages (message_id TEXT PRIMARY KEY, user_id TEXT, session_id TEXT);
             CREATE TABLE orders (id BIGINT PRIMARY KEY, user_id BIGINT);
             CREATE TABLE currencies (code TEXT PRIMARY KEY)",
        )
        .await;
    let proposed = database.store().propose().await.unwrap();

    let tables: Vec<Value> = proposed
        .tables
        .iter()
        .map(|table| serde_json::to_value(table).unwrap())
        .collect();
    assert_eq!(
        tables,
        [
            json!({"name": "chat_messages",
                "columns": {"id": "message_id", "user": "user_id", "run": "session_id"}}),
            json!({"name": "memories",
                "columns": {"id": "id", "user": "owner_id", "workspace": "tenant_id", "kind": "memory_type",
                    "version": "version", "created_at": "created_at",
                    "owners": {"table": "users", "id": "id", "name": "external_id"}},
                "dependents": [{"table": "chunks", "references": "memory", "id": "id",
                    "dependents": [{"table": "terms", "references": "chunk"}]}]}),
        ]
    );
    assert_eq!(proposed.others, ["orders"]);
    // The proposed mappings fit.
    for table in &proposed.tables {
        database.open(table).await;
    }
}

async fn tables_in_a_circle_are_proposed_once(database: Database) {
    database
        .run(
            "CREATE TABLE memories (id BIGINT PRIMARY KEY, user_id TEXT, last_note BIGINT);
             CREATE TABLE notes (id BIGINT PRIMARY KEY, memory BIGINT NOT NULL, FOREIGN KEY (memory) REFERENCES memories (id))",
        )
        .await;
    if database.is_sqlite() {
        database.run("DROP TABLE memories").await;
        database
            .run("CREATE TABLE memories (id BIGINT PRIMARY KEY, user_id TEXT, last_note BIGINT REFERENCES notes (id))")
            .await;
    } else {
        database
            .run("ALTER TABLE memories ADD FOREIGN KEY (last_note) REFERENCES notes (id)")
            .await;
    }
    let proposed = database.store().propose().await.unwrap();

    let names: Vec<&str> = proposed.tables.iter().map(|table| table.name.as_str()).collect();
    assert_eq!(names, ["memories"]);
    let dependents = serde_json::to_value(&proposed.tables[0].dependents).unwrap();
    assert_eq!(dependents, json!([{"table": "notes", "references": "memory"}]));
}

async fn what_chunks_belong_to_is_proposed_whatever_it_is_called(database: Database) {
    database
        .run(
            "CREATE TABLE users (id BIGINT PRIMARY KEY, email TEXT UNIQUE);
             CREATE TABLE files (id BIGINT PRIMARY KEY);
             CREATE TABLE mem (id BIGINT PRIMARY KEY, uid TEXT, body TEXT);
             CREATE TABLE chunks (id BIGINT PRIMARY KEY, mem BIGINT NOT NULL, user_id BIGINT,
                 FOREIGN KEY (mem) REFERENCES mem (id), FOREIGN KEY (user_id) REFERENCES users (id));
             CREATE TABLE file_embeddings (id BIGINT PRIMARY KEY, file BIGINT, mem BIGINT,
                 FOREIGN KEY (file) REFERENCES files (id), FOREIGN KEY (mem) REFERENCES mem (id) ON DELETE CASCADE)",
        )
        .await;
    let proposed = database.store().propose().await.unwrap();

    let tables = serde_json::to_value(&proposed.tables).unwrap();
    let mem = json!({"name": "mem", "columns": {"id": "id", "user": "uid"},
        "dependents": [{"table": "chunks", "references": "mem"}]});
    assert_eq!(tables, json!([mem]));
}

async fn a_part_of_a_part_is_proposed_once(database: Database) {
    database
        .run(
            "CREATE TABLE files (id BIGINT PRIMARY KEY);
             CREATE TABLE memories (id BIGINT PRIMARY KEY, user_id TEXT);
             CREATE TABLE entries (id BIGINT PRIMARY KEY, memory BIGINT NOT NULL, FOREIGN KEY (memory) REFERENCES memories (id));
             CREATE TABLE chunks (id BIGINT PRIMARY KEY, entry BIGINT NOT NULL, file BIGINT NOT NULL,
                 FOREIGN KEY (entry) REFERENCES entries (id), FOREIGN KEY (file) REFERENCES files (id))",
        )
        .await;
    let proposed = database.store().propose().await.unwrap();

    let tables = serde_json::to_value(&proposed.tables).unwrap();
    let below = json!([{"table": "chunks", "references": "entry"}]);
    let memories = json!({"name": "memories", "columns": {"id": "id", "user": "user_id"},
        "dependents": [{"table": "entries", "references": "memory", "id": "id", "dependents": below}]});
    assert_eq!(tables, json!([memories]));
}

async fn an_id_that_is_given_again_is_said(database: Database) {
    let said = "`columns.id`: the database reuses the highest `id` of `memories` after its row is deleted: \
        a job that lists it may erase a memory that was written since; \
        copy the rows into a table with \"id\" INTEGER PRIMARY KEY AUTOINCREMENT";
    let mapping = table(json!({"name": "memories", "columns": {"id": "id"}}));
    let mut kinds = vec![("id INTEGER PRIMARY KEY", database.is_sqlite())];
    if database.is_sqlite() {
        kinds.extend([
            ("id integer PRIMARY KEY AUTOINCREMENT", false),
            ("id INTEGER PRIMARY KEY, note TEXT DEFAULT 'AUTOINCREMENT'", true),
            ("id INTEGER PRIMARY KEY /* no AUTOINCREMENT */", true),
            ("id INTEGER PRIMARY KEY DESC", false),
            ("id INT PRIMARY KEY", false),
            ("id TEXT UNIQUE, n INTEGER PRIMARY KEY", false),
            ("id TEXT PRIMARY KEY", false),
        ]);
    }
    for (columns, reused) in kinds {
        database
            .run(&format!("CREATE TABLE memories ({columns}, body TEXT)"))
            .await;
        let expected: &[&str] = if reused { &[said] } else { &[] };
        assert_eq!(advice(&database, &mapping).await, expected, "{columns}");
        database.run("DROP TABLE memories").await;
    }
}

async fn how_uuids_are_written_is_read_from_one(database: Database) {
    database
        .run("CREATE TABLE memories (id CHAR(32) PRIMARY KEY, user_id TEXT); CREATE TABLE notes (id CHAR(32) PRIMARY KEY)")
        .await;
    database
        .run("INSERT INTO memories VALUES ('0190a0a000007000800000000000000a', 'alice')")
        .await;
    database.run("INSERT INTO notes VALUES ('a-note')").await;
    let proposed = database.store().propose().await.unwrap();

    let uuids = |n: usize| proposed.tables[n].columns.as_ref().unwrap().uuids;
    // PostgreSQL has a UUID type, so there these columns hold texts.
    let expected = if database.is_postgres() {
        [None, None]
    } else {
        [Some(Uuids::Hex), Some(Uuids::Text)]
    };
    assert_eq!([uuids(0), uuids(1)], expected);
    for table in &proposed.tables {
        database.open(table).await;
    }
}

async fn an_owner_in_a_conversation_is_proposed_and_advised(database: Database) {
    database
        .run(
            "CREATE TABLE people (id BIGINT PRIMARY KEY, email TEXT UNIQUE);
             CREATE TABLE sessions (id BIGINT PRIMARY KEY, user_id BIGINT NOT NULL, FOREIGN KEY (user_id) REFERENCES people (id));
             CREATE TABLE memories (id BIGINT PRIMARY KEY, session_id BIGINT, body TEXT,
                 FOREIGN KEY (session_id) REFERENCES sessions (id) ON DELETE SET NULL)",
        )
        .await;
    let proposed = database.store().propose().await.unwrap();

    let owners = json!({"table": "sessions", "id": "id", "name": "user_id"});
    let columns = json!({"id": "id", "user": "session_id", "run": "session_id", "owners": owners});
    let tables = serde_json::to_value(&proposed.tables).unwrap();
    assert_eq!(tables, json!([{"name": "memories", "columns": columns}]));
    database.open(&proposed.tables[0]).await;
    // Without its session, nothing says whose a memory is.
    assert_eq!(proposed.above, ["sessions"]);
    assert_eq!(
        proposed.referring,
        ["`memories` by `sessions.user_id`, a key of `people`"]
    );

    let unowned = table(json!({"name": "memories", "columns": {"id": "id"}}));
    let said = "`columns.user`: is not mapped: no job finds the memories of a person; write user = \"session_id\", \
                owners = { table = \"sessions\", id = \"id\", name = \"user_id\" } if `user_id` of `sessions` is the \
                person of each memory";
    let advice = advice(&database, &unowned).await;
    assert!(advice.iter().any(|advice| advice == said), "{advice:#?}");
}

async fn an_owner_that_is_another_person_is_never_proposed(database: Database) {
    database
        .run(
            "CREATE TABLE agents (id BIGINT PRIMARY KEY, owner_id TEXT);
             CREATE TABLE workspaces (id BIGINT PRIMARY KEY, owner_id TEXT);
             CREATE TABLE sessions (id BIGINT PRIMARY KEY, user_id TEXT);
             CREATE TABLE notes (id BIGINT PRIMARY KEY, agent_id BIGINT, workspace_id BIGINT,
                 FOREIGN KEY (agent_id) REFERENCES agents (id), FOREIGN KEY (workspace_id) REFERENCES workspaces (id));
             CREATE TABLE facts (id BIGINT PRIMARY KEY, first_session BIGINT, last_session BIGINT,
                 FOREIGN KEY (first_session) REFERENCES sessions (id) ON DELETE SET NULL,
                 FOREIGN KEY (last_session) REFERENCES sessions (id) ON DELETE SET NULL)",
        )
        .await;
    let proposed = database.store().propose().await.unwrap();

    for name in ["notes", "facts"] {
        let table = proposed.tables.iter().find(|table| table.name == name).unwrap();
        let columns = table.columns.as_ref().unwrap();
        assert!(columns.user.is_none() && columns.owners.is_none(), "{columns:?}");
    }
    assert_eq!(proposed.referring, [""; 0]);
}
