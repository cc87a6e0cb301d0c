//! Behaviour particular to MySQL and MariaDB.

use std::time::Duration;

use lethe_common::filter::{Filter, Path, Scalar};
use lethe_worker::store::Class;
use lethe_worker::store::sql::RowMatch::{Absent, Matching, Other};
use lethe_worker::store::sql::{SqlStore, SqlTable};
use serde_json::json;

use super::filter::{path, query};
use super::harness::{Database, mapping, table};
use crate::{item, items, of_user};

// The usual ones: without case, accents or trailing blanks, and by code points, which ignores only the trailing
// blanks.
pub(super) const COLLATIONS: [&str; 5] = [
    "CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci",
    "CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_520_ci",
    "CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
    "CHARACTER SET utf8mb3 COLLATE utf8mb3_general_ci",
    "CHARACTER SET latin1 COLLATE latin1_swedish_ci",
];

#[tokio::test]
async fn a_reference_in_another_case_is_another_one() {
    let database = Database::mysql().await;
    let key = "VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci";
    database
        .run(&format!(
            "CREATE TABLE users (id {key} PRIMARY KEY, name VARCHAR(20) NOT NULL);
             CREATE TABLE memories (id VARCHAR(20) PRIMARY KEY, user_id {key}, INDEX (user_id));
             INSERT INTO users VALUES ('aB3', 'ana'), ('b', 'ben');
             INSERT INTO memories VALUES ('1', 'aB3'), ('2', 'ab3'), ('3', 'AB3')"
        ))
        .await;
    let owners = json!({"table": "users", "id": "id", "name": "name"});
    let columns = json!({"id": "id", "user": "user_id", "owners": owners});
    let opened = database
        .open(&table(json!({"name": "memories", "columns": columns})))
        .await;

    let batch = items(&["1", "2", "3"], &of_user("ana"));
    assert_eq!(opened.find(&batch).await.unwrap(), [Matching, Other, Other]);
    assert_eq!(opened.count(&of_user("ana")).await.unwrap(), 1);
    assert_eq!(opened.delete(&batch).await.unwrap().deleted, [true, false, false]);
}

#[tokio::test]
async fn no_collation_widens_a_match() {
    for collation in COLLATIONS {
        let database = Database::mysql().await;
        database
            .run(&format!(
                "CREATE TABLE memories (id VARCHAR(64) {collation} PRIMARY KEY, user_id VARCHAR(64) {collation},
                                        workspace_id VARCHAR(64) {collation}, body TEXT);
                 INSERT INTO memories VALUES ('abc', 'alice', 'w', ''), ('b', 'ALICE', 'w', ''), ('C', 'alice', 'w ', ''),
                                             ('é', 'alice ', 'w', ''), ('?', 'alice', 'w', '')"
            ))
            .await;
        let opened = database.open(&mapping()).await;

        let batch = items(&["ABC", "abc ", "b", "e", "é", "🦀", "abc", "C"], &of_user("alice"));
        assert_eq!(
            opened.find(&batch).await.unwrap(),
            [Absent, Absent, Other, Absent, Other, Absent, Matching, Matching],
            "{collation}"
        );
        assert_eq!(opened.count(&of_user("alice")).await.unwrap(), 3, "{collation}");
        assert_eq!(opened.count(&of_user("Alice")).await.unwrap(), 0, "{collation}");
        let mut pages = Vec::new();
        loop {
            let after = pages.last().cloned();
            let page = opened.page(&of_user("alice"), after.as_deref(), None, 1).await.unwrap();
            if page.is_empty() {
                break;
            }
            pages.extend(page);
        }
        pages.sort();
        assert_eq!(pages, ["?", "C", "abc"], "{collation}");
        let www = crate::conditions(&[(lethe_common::job::Field::Workspace, "w")]);
        assert_eq!(opened.find(&items(&["C"], &www)).await.unwrap(), [Other], "{collation}");
        let several = Filter::OneOf {
            path: Path::column("user_id"),
            values: ["Alice", "alicE", "ALICE"].map(Scalar::from).to_vec(),
        };
        assert_eq!(
            opened.page(&query(several), None, None, 9).await.unwrap(),
            ["b"],
            "{collation}"
        );
        assert_eq!(
            opened.delete(&batch).await.unwrap().deleted,
            [false, false, false, false, false, false, true, true],
            "{collation}"
        );
        assert_eq!(database.left("memories", "id").await, ["?", "b", "é"], "{collation}");
    }
}

#[tokio::test]
async fn references_are_what_the_ids_collation_takes_for_the_id() {
    let database = Database::mysql().await;
    database
        .run(
            "CREATE TABLE memories (id VARCHAR(64) COLLATE utf8mb4_general_ci PRIMARY KEY, user_id TEXT);
             CREATE TABLE chunks (memory_id VARCHAR(64) COLLATE utf8mb4_general_ci NOT NULL REFERENCES memories (id));
             CREATE TABLE history (memory_id VARCHAR(64) CHARACTER SET latin1 COLLATE latin1_bin NOT NULL);
             INSERT INTO memories VALUES ('abc', 'alice'), ('b', 'alice');
             INSERT INTO chunks VALUES ('ABC'), ('abc'), ('abc '), ('b');
             INSERT INTO history VALUES ('ABC'), ('abc'), ('b')",
        )
        .await;
    let table = database
        .open(&table(json!({
            "name": "memories",
            "columns": {"id": "id", "user": "user_id"},
            "dependents": [
                {"table": "chunks", "references": "memory_id"},
                {"table": "history", "references": "memory_id"},
            ],
        })))
        .await;

    assert_eq!(
        table.delete(&items(&["abc"], &of_user("alice"))).await.unwrap().deleted,
        [true]
    );
    assert_eq!(database.left("chunks", "memory_id").await, ["b"]);
    // The column's own equality has to hold too, so that its index serves.
    assert_eq!(database.left("history", "memory_id").await, ["ABC", "b"]);
}

#[tokio::test]
async fn a_text_is_never_the_number_nought() {
    let database = Database::mysql().await;
    database
        .run(
            "CREATE TABLE memories (id INT(6) UNSIGNED ZEROFILL PRIMARY KEY, user_id SMALLINT, workspace_id TEXT);
             INSERT INTO memories VALUES (0, 0, 'w'), (7, 0, 'w')",
        )
        .await;
    let table = database.open(&mapping()).await;

    for id in ["abc", "", "0x0", "00", "-0", "0.0", "7abc", "000007", "4294967296"] {
        assert_eq!(
            table.find(&items(&[id], &of_user("0"))).await.unwrap(),
            [Absent],
            "{id}"
        );
        assert_eq!(
            table.delete(&items(&[id], &of_user("0"))).await.unwrap().deleted,
            [false],
            "{id}"
        );
    }
    assert_eq!(table.count(&of_user("alice")).await.unwrap(), 0);
    assert_eq!(table.find(&items(&["0"], &of_user("alice"))).await.unwrap(), [Other]);
    assert_eq!(table.page(&of_user("0"), None, None, 9).await.unwrap(), ["0", "7"]);
    assert_eq!(
        table.delete(&items(&["7"], &of_user("0"))).await.unwrap().deleted,
        [true]
    );
}

#[tokio::test]
async fn a_uuid_of_digits_is_the_same_in_every_spelling() {
    let database = Database::mysql().await;
    database
        .run(
            "CREATE TABLE memories (id CHAR(32) COLLATE utf8mb4_general_ci PRIMARY KEY, user_id TEXT);
             INSERT INTO memories VALUES ('0190a0a000007000800000000000000a', 'alice')",
        )
        .await;
    let columns = |uuids: serde_json::Value| {
        let mut columns = json!({"id": "id", "user": "user_id"});
        columns
            .as_object_mut()
            .unwrap()
            .extend(uuids.as_object().unwrap().clone());
        table(json!({"name": "memories", "columns": columns}))
    };
    let faults = database.faults(&columns(json!({}))).await;
    assert_eq!(faults[0].key, "columns.uuids");
    let table = database.open(&columns(json!({"uuids": "hex"}))).await;

    let ids = items(&["0190A0A0-0000-7000-8000-00000000000A"], &of_user("alice"));
    assert!(table.has_uuid_ids());
    assert_eq!(table.find(&ids).await.unwrap(), [Matching]);
    assert_eq!(table.delete(&ids).await.unwrap().deleted, [true]);
}

#[tokio::test]
async fn tables_from_which_nothing_goes_for_good_are_refused() {
    let database = Database::mysql().await;
    database
        .run(
            "CREATE TABLE memories (id TEXT PRIMARY KEY) ENGINE = Aria;
             CREATE TABLE versioned (id TEXT PRIMARY KEY) WITH SYSTEM VERSIONING",
        )
        .await;
    for (name, said) in [
        (
            "memories",
            "`sql_table`: `memories` has a storage engine without transactions; ALTER TABLE `memories` ENGINE = InnoDB",
        ),
        (
            "versioned",
            "`sql_table`: `versioned` is system-versioned: it keeps deleted rows; ALTER TABLE `versioned` DROP SYSTEM VERSIONING",
        ),
    ] {
        let faults = database
            .faults(&table(json!({"name": name, "columns": {"id": "id"}})))
            .await;
        assert_eq!(faults[0].to_string(), said);
    }
}

#[tokio::test]
async fn what_a_user_may_not_do_is_said() {
    let database = Database::mysql().await;
    database.memories("TEXT").await;
    let user = uuid::Uuid::new_v4().simple().to_string();
    let name = database.name();
    database
        .run(&format!(
            "CREATE USER '{user}'@'%' IDENTIFIED BY 'p'; GRANT SELECT ON {name}.memories TO '{user}'@'%'"
        ))
        .await;
    let (scheme, rest) = database.url.split_once("://").unwrap();
    let host = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
    let store = |password: &str| {
        let endpoint = lethe_common::config::SqlEndpoint {
            url: format!("{scheme}://{user}:{password}@{host}").into(),
            max_connections: 1,
            tls: None,
        };
        SqlStore::connect_lazy(&endpoint, Duration::from_secs(4)).unwrap()
    };

    let error = SqlTable::open(&store("p"), &mapping()).await.unwrap_err();
    assert!(error.to_string().contains("GRANT DELETE ON `memories`"), "{error}");
    let error = store("wrong").ping().await.unwrap_err();
    assert_eq!(
        (error.code().as_str(), error.class()),
        ("unauthorized", Class::Transient)
    );
    database
        .run(&format!("GRANT DELETE ON {name}.memories TO '{user}'@'%'"))
        .await;
    let table = SqlTable::open(&store("p"), &mapping()).await.unwrap();
    database
        .run(&format!("REVOKE DELETE ON {name}.memories FROM '{user}'@'%'"))
        .await;
    database.add(&[("1", "alice", "w")]).await;
    let error = table.delete(&items(&["1"], &of_user("alice"))).await.unwrap_err();
    assert_eq!((error.code().as_str(), error.class()), ("forbidden", Class::Transient));
    database.run(&format!("DROP USER '{user}'@'%'")).await;
}

#[tokio::test]
async fn a_session_is_told_what_statements_rely_on() {
    let database = Database::mysql().await;
    let mut endpoint = database.endpoint();
    // Both names of the scheme mean the same, and no parameter of the URL overrides the settings.
    endpoint.url = format!(
        "{}&collation=utf8mb4_general_ci",
        database.url.replacen("mysql:", "mariadb:", 1)
    )
    .into();
    let mapping = database.memories("TEXT").await;
    database.add(&[("1", "alice", "w")]).await;
    let store = SqlStore::connect_lazy(&endpoint, crate::TIMEOUT).unwrap();
    let table = SqlTable::open(&store, &mapping).await.unwrap();

    // An answer of thirty kilobytes: a thousand rows are joined, and none is cut off.
    database
        .run(
            "INSERT INTO memories
             WITH RECURSIVE n (i) AS (SELECT 1000 UNION ALL SELECT i + 1 FROM n WHERE i < 1999) SELECT i, 'alice', 'w', '' FROM n",
        )
        .await;
    let all: Vec<_> = (1_000..2_000)
        .map(|id| item(&id.to_string(), &of_user("alice")))
        .collect();
    let found = table.find(&all).await.unwrap();
    assert!(found.iter().all(|found| *found == Matching));
    let inside = Filter::Exists(path(&["body"]));
    assert!(table.count(&query(inside)).await.is_err(), "not mapped");
}
