//! Memories whose person is named by the conversation that they reference.

use lethe_tests::client::{Answer, Client};
use lethe_tests::layout::Layout;
use lethe_tests::service::Site;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::targets::targets;

/// Makes a site with two conversations of Ana's, one of Ben's, and a memory without a conversation.
async fn site() -> Site {
    let site = Site::new(Layout::POSTGRES).await;
    site.memories
        .run(
            "DROP TABLE agno_memories;
             CREATE TABLE sessions (id BIGINT PRIMARY KEY, user_id TEXT NOT NULL);
             CREATE TABLE memories (id BIGINT PRIMARY KEY, kind TEXT,
                 session_id BIGINT REFERENCES sessions (id) ON DELETE SET NULL);
             INSERT INTO sessions VALUES (1, 'ana'), (2, 'ben'), (3, 'ana');
             INSERT INTO memories VALUES (10, 'note', 1), (11, 'fact', 1), (12, 'note', 3), (20, 'note', 2), (30, 'note', NULL)",
        )
        .await;
    site
}

/// Sends a job that must be refused.
async fn refused(client: &Client, job: &Value) -> Answer {
    let answer = client.send(client.request(Method::POST, "/v1/jobs").json(job)).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", answer.text);
    answer
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mapping_without_the_person_is_told_what_to_write() {
    let mut site = site().await;
    let target = format!(
        "[[target]]\nname = \"main\"\nsql = {{ url = \"{}\" }}\n[[target.table]]\nname = \"memories\"\n\
         columns = {{ id = \"id\", kind = \"kind\" }}\n",
        site.memories.url()
    );
    site.configure(|config| config.without_targets().targets(&target));
    let file = site.config.write(site.directory.path());
    let (fits, said) = targets(&["check", "--config", file.to_str().unwrap()], "").await;
    assert!(fits.status.success(), "{said}");
    let write = "no job finds the memories of a person; write user = \"session_id\", \
                 owners = { table = \"sessions\", id = \"id\", name = \"user_id\" }";
    assert!(said.contains(write), "{said}");

    let service = site.up().await;
    for select in [
        json!({"subject": {"user_id": "ana"}}),
        json!({"query": {"eq": {"user_id": "ana"}}}),
    ] {
        let answer = refused(&service.client, &json!({"select": select})).await;
        let says = "map `columns.user` in the configuration (`lethe targets check` prints the line";
        assert!(answer.text.contains(says), "{}", answer.text);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn memories_are_deleted_by_the_person_of_their_conversation() {
    let mut site = site().await;
    let file = site.directory.path().join("proposed.toml");
    let infer = ["infer", site.memories.url(), "--output", file.to_str().unwrap()];
    let (proposed, said) = targets(&infer, "").await;
    assert!(
        proposed.status.success() && said.contains("lethe targets check"),
        "{said}"
    );
    let text = std::fs::read_to_string(&file).unwrap();
    for line in [
        "# Owners in a row that memories reference; review that it is the person of each memory: `memories` by `sessions.user_id`.\n",
        "be blocked by them, or take their owner: sessions.\n",
        "#   sql     fits\n",
    ] {
        assert!(text.contains(line), "{text}");
    }
    // An operator may have changed it.
    std::fs::write(&file, "changed").unwrap();
    let (kept, said) = targets(&infer, "").await;
    assert_eq!(kept.status.code(), Some(1), "{said}");
    assert!(said.contains("--force"), "{said}");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "changed");
    let (replaced, said) = targets(&[&infer[..], &["--force"]].concat(), "").await;
    assert!(replaced.status.success(), "{said}");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), text);

    site.configure(|config| config.without_targets().targets(&text));
    let service = site.up().await;
    let notes = json!({"and": [{"eq": {"user_id": "ana"}}, {"eq": {"kind": "note"}}]});
    let notes = json!({"select": {"query": notes}});
    let job = service.client.succeeds(&notes).await;
    assert_eq!(job["selected"], 2, "{job:#}");
    let left = async |which: &str| {
        let query = format!("SELECT count(*) FROM memories WHERE {which}");
        site.memories.number(&query).await
    };
    assert_eq!((left("TRUE").await, left("id IN (11, 20, 30)").await), (3, 3));
    let person = json!({"select": {"subject": {"user_id": "ana"}}});
    let job = service.client.succeeds(&person).await;
    assert_eq!(job["selected"], 1, "{job:#}");
    assert_eq!((left("TRUE").await, left("id IN (20, 30)").await), (2, 2));
    assert_eq!(site.memories.number("SELECT count(*) FROM sessions").await, 3);
}
