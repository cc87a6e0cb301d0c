//! Deletions by query in OpenSearch's form, and its tasks.

mod ended;
mod indices;
mod many;
mod one;
mod parameters;

use lethe_common::ledger::{Delta, Lease, Record, RecordEnd};
use serde_json::{Value, json};

use crate::app::{Answer, App};

const TYPED: &str = r#"
    [[target]]
    name = "main"
    sql = { url = "sqlite://main.sqlite" }
    [[target.table]]
    name = "working"
    columns = { id = "id", user = "user_id" }
"#;

const PATH: &str = "/_plugins/_ml/memory_containers/main/memories/working/_delete_by_query";

async fn by_query(app: &App, parameters: &str, body: &Value) -> Answer {
    let path = format!("{PATH}?{parameters}");
    app.send_json("eraser", "POST", &path, body).await
}

async fn everything(app: &App, parameters: &str) -> Answer {
    by_query(app, parameters, &json!({"query": {"match_all": {}}})).await
}

async fn begun(app: &App, parameters: &str) -> String {
    let answer = everything(app, &format!("wait_for_completion=false&{parameters}")).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert!(answer.headers.contains_key("lethe-job"));
    let task = answer.body["task"].as_str().expect("a task").to_owned();
    assert_eq!(answer.body, json!({"task": task}));
    task
}

#[track_caller]
fn refused(answer: &Answer, status: u16, kind: &str, reason: &str) {
    assert_eq!(answer.status.as_u16(), status, "{}", answer.text);
    let cause = json!({"type": kind, "reason": reason});
    let error = json!({"root_cause": [cause], "type": kind, "reason": reason});
    assert_eq!(answer.body, json!({"error": error, "status": status}));
}

/// Records that a partition is done.
async fn done(app: &App, lease: &Lease, delta: Delta) {
    let record = Record {
        lease,
        delta,
        progress: None,
        remaining: 0,
        end: Some(RecordEnd::Done),
    };
    app.ledger.record(&[record]).await.expect("the ledger answers");
}
