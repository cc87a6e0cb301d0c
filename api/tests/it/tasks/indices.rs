//! The table of an index.

use serde_json::json;

use super::{TYPED, refused};
use crate::accepting::claim;
use crate::app::App;

#[tokio::test]
async fn an_index_is_a_target_or_a_table() {
    let more = r#"
    [[target]]
    name = "other"
    sql = { url = "sqlite://other.sqlite" }
    [[target.table]]
    name = "memories"
    columns = { id = "id", user = "user_id" }
    [[target.table]]
    name = "notes"
    columns = { id = "id", user = "user_id" }
    [[target]]
    name = "third"
    sql = { url = "sqlite://third.sqlite" }
    [[target.table]]
    name = "notes"
    columns = { id = "id", user = "user_id" }
    [[auth.key]]
    name = "mains"
    sha256 = "KEY"
    scopes = ["memories:delete:any"]
    targets = ["main"]
"#;
    let hash = lethe_common::config::KeyHash::of("key-of-mains").to_string();
    let app = App::with(&format!("{TYPED}{}", more.replace("KEY", &hash))).await;
    let body = json!({"query": {"match_all": {}}});
    let send = async |who: &str, index: &str| {
        let path = format!("/{index}/_delete_by_query?wait_for_completion=false");
        app.send_json(who, "POST", &path, &body).await
    };
    for (index, target, table) in [
        ("main", "main", "working"),
        ("working", "main", "working"),
        ("memories", "other", "memories"),
        ("other.notes", "other", "notes"),
        ("third", "third", "notes"),
        ("third.notes", "third", "notes"),
    ] {
        let answer = send("eraser", index).await;
        assert_eq!(answer.status, 200, "{index}: {}", answer.text);
        let lease = claim(&app).await.remove(0);
        assert_eq!((&*lease.route.target, &*lease.route.table), (target, table), "{index}");
        assert_eq!(lease.job.owner, None);
    }
    for (index, names) in [
        ("other", "other.memories, other.notes"),
        ("notes", "other.notes, third.notes"),
    ] {
        let reason = format!("index [{index}] is several tables: name one of {names}");
        refused(&send("eraser", index).await, 400, "illegal_argument_exception", &reason);
    }
    for (who, index) in [
        ("eraser", "nowhere"),
        ("eraser", "_all"),
        ("mains", "memories"),
        ("mains", "third.notes"),
    ] {
        let reason = format!("no such index [{index}]");
        refused(&send(who, index).await, 404, "index_not_found_exception", &reason);
    }
    assert_eq!(send("mains", "main").await.status, 200);
    let missing = app
        .send_json("eraser", "POST", "/main/_delete_by_query", &json!({}))
        .await;
    let reason = "Validation Failed: 1: query is missing;";
    refused(&missing, 400, "action_request_validation_exception", reason);
    for path in ["/main/_delete_by_query", "/memories/_delete_by_query"] {
        let stranger = app.send_json("", "POST", path, &body).await;
        assert_eq!(
            (stranger.status.as_u16(), &stranger.body["error"]["type"]),
            (401, &json!("security_exception")),
            "{path}"
        );
        assert_eq!(app.get("eraser", path).await.status, 405, "{path}");
    }
}
