//! Deletions by query of a table that has only vectors: the filters that they become, and the refusals of queries that
//! the vector store cannot answer exactly.

use lethe_common::ledger::Work;
use serde_json::{Value, json};

use crate::accepting::claim;
use crate::app::App;

const TABLE: &str = r#"
    [[target]]
    name = "main"
    vector = { url = "http://localhost:6334" }
    [[target.table]]
    name = "memories"
    fields = { size = "size", topics = "meta.topics" }
    collection = { name = "memories", point = "uuid", payload = { user = "owner", workspace = "meta.space" } }
"#;

fn job(query: &Value) -> Value {
    json!({"select": {"query": query}})
}

#[tokio::test]
async fn fields_are_those_of_payload() {
    let app = App::with(TABLE).await;
    let one_of = |path: &[&str], values: Value| json!({"one_of": {"path": path, "values": values}});
    for (query, filter) in [
        (json!({"all": true}), json!("all")),
        (json!({"eq": {"user_id": "ana"}}), one_of(&["owner"], json!(["ana"]))),
        (
            json!({"eq": {"workspace": "w"}}),
            one_of(&["meta", "space"], json!(["w"])),
        ),
        (
            json!({"in": {"topics.deep": [1, true, "x"]}}),
            one_of(&["meta", "topics", "deep"], json!([1, true, "x"])),
        ),
        (
            json!({"range": {"size": {"gt": 1, "lte": 4.5}}}),
            json!({"range": {"path": ["size"], "bounds": {"gt": 1, "lte": 4.5}}}),
        ),
        (json!({"exists": "topics"}), json!({"exists": ["meta", "topics"]})),
        (json!({"in": {"id": ["a", 7]}}), json!({"ids": ["a", "7"]})),
        (json!({"not": {"eq": {"id": "a"}}}), json!({"not": {"ids": ["a"]}})),
        // A value that cannot be an id matches no memory.
        (json!({"eq": {"id": 1.5}}), json!({"ids": []})),
    ] {
        app.create("eraser", &job(&query)).await.job();
        let leases = claim(&app).await;
        assert_eq!(leases.len(), 1, "{query}");
        assert!(matches!(leases[0].work, Work::Query));
        assert_eq!(json!(leases[0].job.query), filter, "{query}");
    }
}

#[tokio::test]
async fn what_their_store_cannot_say_exactly_is_refused_by_its_place() {
    let app = App::with(TABLE).await;
    for (query, says) in [
        (
            json!({"prefix": {"user_id": "s3cret"}}),
            "prefix.user_id`: this table has only vectors",
        ),
        (
            json!({"contains": {"topics": "s3cret"}}),
            "contains.topics`: this table has only vectors",
        ),
        (json!({"contains": {"id": "s3cret"}}), "contains.id`: use `eq` or `in`"),
        (json!({"range": {"id": {"gt": 1}}}), "range.id`: use `eq` or `in`"),
        (
            json!({"range": {"size": {"lt": "s3cret"}}}),
            "range.size`: this table has only vectors",
        ),
        (
            json!({"range": {"size": {"lt": {"ago": "90d"}}}}),
            "range.size`: this table has only vectors",
        ),
        (
            json!({"eq": {"size": 9_007_199_254_740_992_i64}}),
            "eq.size`: this table has only vectors",
        ),
        (
            json!({"in": {"size": [1, 1e16]}}),
            "in.size`: this table has only vectors",
        ),
        (
            json!({"exists": "topics.a.b.c.d"}),
            "exists`: this table has only vectors",
        ),
        (json!({"exists": "topics.\""}), "exists`: this table has only vectors"),
        (json!({"exists": "id"}), "exists`: every memory has an id"),
        (
            json!({"exists": "created_at"}),
            "exists`: table `memories` maps no field of this name: name one of `id`, `user_id`, `workspace`, `size`, `topics`",
        ),
        (json!({"not": {"eq": {"id": true}}}), "`: this matches every memory"),
    ] {
        let answer = app.create("eraser", &job(&query)).await;
        answer.refused(422, "invalid", "`select.query");
        assert!(
            answer.text.contains(&says.replace('"', "\\\"")),
            "{query}: {}",
            answer.text
        );
        assert!(!answer.text.contains("s3cret"), "{}", answer.text);
    }
    let many: Vec<Value> = (0..900)
        .map(|n| json!({"in": {"size": [n, 0.5 + f64::from(n), n + 1, n + 2]}}))
        .collect();
    let answer = app.create("eraser", &job(&json!({"or": many}))).await;
    answer.refused(
        422,
        "invalid",
        "`select.query`: write a smaller filter: it needs more than 4096 conditions",
    );
    assert_eq!(app.count().await, 0);
}

#[tokio::test]
async fn an_owner_is_demanded_where_payload_says_whose_a_point_is() {
    let app = App::with(TABLE).await;
    let mut owned = job(&json!({"all": true}));
    owned["kind"] = json!("note");
    app.create("root", &owned)
        .await
        .refused(422, "invalid", "`kind`: table `memories` of target `main`");
    let mut owned = job(&json!({"all": true}));
    owned["owner"] = json!("ana");
    app.create("root", &owned).await.job();
    let facts = &claim(&app).await[0].job;
    assert_eq!(facts.owner.as_deref(), Some("ana"));
}
