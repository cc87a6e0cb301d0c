//! Checks and proposals of mappings against live stores, from a shell.

use std::process::Output;

use lethe_tests::config::Config;
use lethe_tests::layout::Layout;
use lethe_tests::memories::{self, Memory, ids};
use lethe_tests::service::{Site, lethe};
use qdrant_client::qdrant::{FieldType, PointId};
use serde_json::{Value, json};

/// Runs `lethe targets`.
pub(crate) async fn targets(arguments: &[&str], key: &str) -> (Output, String) {
    let mut command = lethe();
    command.arg("targets").args(arguments).env("QDRANT_API_KEY", key);
    let output = tokio::task::spawn_blocking(move || command.output().unwrap())
        .await
        .unwrap();
    let said = String::from_utf8(output.stdout.clone()).unwrap() + &String::from_utf8_lossy(&output.stderr);
    (output, said)
}

async fn check(site: &Site, more: &[&str]) -> (Output, String) {
    let file = site.config.write(site.directory.path());
    let arguments = [&["check", "--config", file.to_str().unwrap()], more].concat();
    targets(&arguments, &site.vectors.key).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mapping_is_compared_with_the_live_schema() {
    let mut site = Site::with_own_vectors(Layout::POSTGRES).await;
    let (fits, said) = check(&site, &[]).await;
    assert!(fits.status.success(), "{said}");
    assert!(said.starts_with("main/memories\n  sql     fits\n"), "{said}");
    assert!(said.contains("  vector  fits\n"), "{said}");

    site.memories.run("DROP INDEX idx_agno_memories_user_id").await;
    let (slow, said) = check(&site, &["--output", "json"]).await;
    assert!(slow.status.success(), "{said}");
    let answer: Value = serde_json::from_slice(&slow.stdout).unwrap();
    let advice = answer[0]["stores"]["sql"]["advice"].to_string();
    assert!(advice.contains("no index begins with `user_id`"), "{answer}");

    site.configure(|config| config.replace("id = \"memory_id\"", "id = \"memori_id\""));
    let (wrong, said) = check(&site, &[]).await;
    assert_eq!(wrong.status.code(), Some(1), "{said}");
    let line = "    `columns.id`: table `agno_memories` has no column `memori_id`; write `memory_id`\n";
    assert!(said.contains(line), "{said}");
    assert!(said.contains("  vector  fits\n"), "{said}");

    site.vectors.kill();
    let (down, said) = check(&site, &["--output", "json"]).await;
    assert_eq!(down.status.code(), Some(1), "{said}");
    let answer: Value = serde_json::from_slice(&down.stdout).unwrap();
    assert_eq!(answer[0]["stores"]["sql"]["fits"], false, "{answer}");
    assert_eq!(answer[0]["stores"]["vector"]["fits"], Value::Null, "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_mappings_of_the_same_rows_are_refused_unless_a_scope_tells_them_apart() {
    let mut site = Site::new(Layout::SQLITE).await;
    let alone = site.config.clone();
    let columns = "columns = { id = \"memory_id\", user = \"user_id\", agent = \"agent_id\" }";
    let again =
        |more: &str| format!("[[target.table]]\nname = \"again\"\nsql_table = \"agno_memories\"\n{columns}\n{more}");
    // Another collection does not help: a deleted row leaves its vectors in the other collection.
    for more in [
        "",
        "collection = { name = \"images\", point = \"uuid\" }",
        "scope = { agent_id = \"a\" }",
    ] {
        site.configure(|_| alone.clone().targets(&again(more)));
        let (refused, said) = check(&site, &[]).await;
        assert_eq!(refused.status.code(), Some(2), "{said}");
        let says = "target[0].table[1]: write scope = { column = \"value\" } in it and in table `memories`";
        assert!(said.contains(says), "{said}");
    }

    let apart = alone.replace(columns, &format!("{columns}\n  scope = {{ agent_id = \"b\" }}"));
    site.configure(|_| apart.targets(&again("scope = { agent_id = \"a\" }")));
    let (fits, said) = check(&site, &[]).await;
    assert!(fits.status.success(), "{said}");

    site.configure(|config| config.replace("scope = { agent_id = \"a\" }", "scope = { agent_ident = \"a\" }"));
    let (_, said) = check(&site, &[]).await;
    assert!(said.contains("scope"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn memories_that_would_go_as_dependents_of_others_are_refused() {
    let mut site = Site::new(Layout::SQLITE).await;
    let conversations = "[[target.table]]\nname = \"conversations\"\ncolumns = { id = \"id\", user = \"user_id\" }\n\
                         dependents = [{ table = \"agno_memories\", references = \"conversation_id\" }]\n";
    site.configure(|config| config.targets(conversations));
    let (refused, said) = check(&site, &[]).await;
    assert_eq!(refused.status.code(), Some(2), "{said}");
    let says = "target[0].table[1].dependents[0].table: remove it: its rows are the memories of table `memories` of target `main`";
    assert!(said.contains(says), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_points_lack_and_what_has_no_index_is_said() {
    let site = Site::new(Layout::SQLITE).await;
    let all = memories::of("alice", 3);
    site.add(&all).await;
    let point = |memory: &Memory, payload| (PointId::from(memory.id.as_str()), payload);
    site.vectors
        .put([point(&all[0], json!({"memory_id": all[0].id}))])
        .await;
    site.vectors.index("agent_id", FieldType::Keyword).await;
    let (_, said) = check(&site, &[]).await;
    let lacks = "`collection.payload.user`: 1 of 3 sampled points have no `user_id`; ";
    assert!(said.contains(lacks), "{said}");
    // Looks for points use both fields.
    for (key, field) in [("id", "memory_id"), ("user", "user_id")] {
        let unindexed = format!("`collection.payload.{key}`: `{field}` has no payload index");
        assert!(said.contains(&unindexed), "{said}");
    }
    assert!(
        !said.contains("`agent_id` has no payload index") && !said.contains("alice"),
        "{said}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn memories_that_outlive_their_conversations_are_not_lost_on_the_way() {
    let mut site = Site::new(Layout::POSTGRES).await;
    site.memories
        .run(
            "DROP TABLE agno_memories;
             CREATE TABLE users (id BIGINT PRIMARY KEY, email TEXT UNIQUE NOT NULL);
             CREATE TABLE conversations (id BIGINT PRIMARY KEY, user_id BIGINT NOT NULL REFERENCES users (id));
             CREATE TABLE memories (id BIGINT PRIMARY KEY, user_id BIGINT NOT NULL REFERENCES users (id),
                 conversation_id BIGINT REFERENCES conversations (id) ON DELETE SET NULL);
             CREATE TABLE memory_chunks (id BIGINT PRIMARY KEY, memory_id BIGINT NOT NULL REFERENCES memories (id));
             INSERT INTO users VALUES (1, 'ana@example.com'), (2, 'ben@example.com');
             INSERT INTO conversations VALUES (10, 1), (20, 2);
             INSERT INTO memories VALUES (100, 1, 10), (101, 1, NULL), (200, 2, 20);
             INSERT INTO memory_chunks VALUES (1, 100), (2, 100), (3, 101), (4, 200)",
        )
        .await;
    // An earlier proposal does not fit, and no worker erases by it.
    let below = "dependents = [{ table = \"memories\", references = \"conversation_id\", id = \"id\", \
                 dependents = [{ table = \"memory_chunks\", references = \"memory_id\" }] }]";
    let sql = site.memories.url().to_owned();
    let target = format!("[[target]]\nname = \"main\"\nsql = {{ url = \"{sql}\" }}\n");
    let conversations = format!(
        "{target}[[target.table]]\nname = \"conversations\"\ncolumns = {{ id = \"id\", user = \"user_id\" }}\n{below}\n"
    );
    site.configure(|config| config.without_targets().targets(&conversations));
    let (wrong, said) = check(&site, &[]).await;
    assert_eq!(wrong.status.code(), Some(1), "{said}");
    assert!(
        said.contains("rows of `memories` stay when the row referenced by `conversation_id` is deleted"),
        "{said}"
    );
    let service = site.up().await;
    let id = service
        .client
        .submit(&json!({"select": {"subject": {"user_id": "1"}}}))
        .await;
    let refused = |job: &Value| job["error_code"] == "mapping";
    service
        .client
        .when(&id, "the worker refuses the mapping", refused)
        .await;
    assert_eq!(site.memories.number("SELECT count(*) FROM conversations").await, 2);
    drop(service);

    let (proposed, said) = targets(&["infer", &sql], "").await;
    assert!(proposed.status.success(), "{said}");
    for line in [
        "# main/conversations\n#   sql     fits\n",
        "# main/memories\n#   sql     fits\n",
    ] {
        assert!(said.contains(line), "{said}");
    }
    let text = String::from_utf8(proposed.stdout).unwrap();
    site.configure(|config| config.without_targets().targets(&text));
    let (fits, said) = check(&site, &[]).await;
    assert!(fits.status.success() && !said.contains("conversation_id"), "{said}");
    let directory = site.directory.path().join("another");
    let service = lethe_tests::service::up(&directory, Some(&site.config), site.directory.path()).await;
    let job = service
        .client
        .succeeds(&json!({"select": {"subject": {"user_id": "ana@example.com"}}}))
        .await;
    assert_eq!(job["stores"][0]["dependents"], json!({"memory_chunks": 3}), "{job:#}");
    for (table, left) in [
        ("conversations", 1),
        ("memories", 1),
        ("memory_chunks", 1),
        ("users", 2),
    ] {
        let query = format!("SELECT count(*) FROM {table}");
        assert_eq!(site.memories.number(&query).await, left, "{table}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_target_there_is_nothing_to_compare() {
    let directory = tempfile::tempdir().unwrap();
    let file = Config::default().write(directory.path());
    let (nothing, said) = targets(&["check", "--config", file.to_str().unwrap()], "").await;
    assert_eq!(nothing.status.code(), Some(1));
    assert!(said.contains("lethe targets infer"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_proposed_for_stores_erases_from_them() {
    let site = Site::new(Layout::POSTGRES).await;
    let (alice, bob) = (memories::of("alice", 5), memories::of("bob", 5));
    site.add(&[alice.clone(), bob.clone()].concat()).await;
    // No longer a well-known schema.
    site.memories
        .run("ALTER TABLE agno_memories RENAME TO remembered_memories; CREATE TABLE orders (id BIGINT PRIMARY KEY, user_id TEXT)")
        .await;
    let url = site.memories.url();
    let infer = ["infer", url, "--vector", &site.vectors.url, "--name", "found"];
    let (proposed, said) = targets(&infer, &site.vectors.key).await;
    assert!(proposed.status.success(), "{said}");
    assert!(
        said.contains("# Left out, though they have an owner: orders.\n"),
        "{said}"
    );
    assert!(
        said.contains("# found/remembered_memories\n#   sql     fits\n"),
        "{said}"
    );
    assert!(!said.contains(&site.vectors.key) && !said.contains("alice"), "{said}");

    let mut found = site;
    let key = found.vectors.key.clone();
    let text = String::from_utf8(proposed.stdout).unwrap();
    let text = text.replace("api_key_env = \"QDRANT_API_KEY\"", &format!("api_key = {}", json!(key)));
    found.configure(|config| config.without_targets().targets(&text));
    let service = found.up().await;
    let job = json!({"select": {"ids": ids(&alice[..2])}, "owner": "alice"});
    service.client.succeeds(&job).await;
    service
        .client
        .succeeds(&json!({"select": {"subject": {"user_id": "alice"}}}))
        .await;
    found
        .memories
        .run("ALTER TABLE remembered_memories RENAME TO agno_memories")
        .await;
    found.holds(&bob).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_well_known_schema_is_proposed_by_its_name() {
    let site = Site::new(Layout::SQLITE).await;
    site.add(&memories::of("alice", 1)).await;
    let (proposed, said) = targets(&["infer", site.memories.url()], "").await;
    assert!(proposed.status.success(), "{said}");
    let text = String::from_utf8(proposed.stdout).unwrap();
    assert!(
        text.contains("preset = \"agno\"") && !text.contains("[[target.table]]"),
        "{text}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn stores_that_say_nothing_get_no_proposal() {
    let directory = tempfile::tempdir().unwrap();
    let missing = format!("sqlite://{}", directory.path().join("no.db").display());
    for (arguments, code, says) in [
        (vec!["infer"], 2, "<URL>"),
        (vec!["infer", "oracle://db/x"], 1, "postgres://"),
        (vec!["infer", missing.as_str()], 1, "error: "),
        (vec!["infer", missing.as_str(), "--name", "A B"], 1, "--name"),
        (vec!["infer", "--vector", "http://127.0.0.1:1"], 1, "error: "),
    ] {
        let (refused, said) = targets(&arguments, "").await;
        assert_eq!(refused.status.code(), Some(code), "{said}");
        assert!(said.contains(says), "{said}");
    }
}
