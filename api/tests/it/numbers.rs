//! Numbers that reading would round.

use crate::app::App;

const TABLE: &str = r#"
    [[target]]
    name = "main"
    sql = { url = "sqlite://memories.sqlite" }
    [[target.table]]
    name = "memories"
    columns = { id = "id", user = "user_id" }
    fields = { size = "size" }
"#;

#[tokio::test]
async fn a_query_whose_bound_would_move_is_refused() {
    let app = App::with(TABLE).await;
    let create = async |number: &str| {
        let query = format!(r#"{{"range": {{"size": {{"lt": {number}}}}}}}"#);
        let body = format!(r#"{{"table": "memories", "select": {{"query": {query}}}}}"#);
        app.create_raw("eraser", "application/json", &[], body).await
    };
    for number in ["9007199254740993.5", "9007199254740993.0", "0.10000000000000000001"] {
        let refused = create(number).await;
        refused.refused(422, "invalid", "rounded");
        assert!(!refused.text.contains(number), "{}", refused.text);
    }
    assert_eq!(app.count().await, 0);
    for number in ["9007199254740993", "0.1"] {
        create(number).await.job();
    }
}
