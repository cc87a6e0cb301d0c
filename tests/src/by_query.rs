//! Jobs by query.

use serde_json::{Value, json};

use crate::service::Service;

/// Returns the body of a job by query.
pub fn job(query: Value) -> Value {
    let select = Value::from_iter([("query", query)]);
    Value::from_iter([("select", select)])
}

/// Returns a job with one more field.
#[must_use]
pub fn with(mut job: Value, name: &str, value: impl Into<Value>) -> Value {
    job[name] = value.into();
    job
}

/// Returns the query for a user's memories.
pub fn of_user(user: &str) -> Value {
    json!({"eq": {"user_id": user}})
}

/// Submits a job, and returns it at its end.
pub async fn run(service: &Service, job: Value) -> Value {
    let id = service.client.submit(&job).await;
    service.client.ended(&id).await
}
