//! Places the hold of a job, and releases it after the job's rest.

use lethe_tests::client::Client;
use reqwest::Method;
use serde_json::json;

use crate::ask::{Done, ended};
use crate::model::{Hold, Job, Mapping, On};

/// Places a hold.
///
/// # Errors
/// Returns the answer if the hold was refused.
pub(crate) async fn place(client: &Client, mapping: &Mapping, hold: &Hold) -> Result<(), String> {
    let mut body = json!({"target": mapping.target, "table": mapping.table, "ground": "other"});
    match &hold.on {
        On::Persons(names) => body["persons"] = json!(names),
        On::Workspaces(names) => body["workspaces"] = json!(names),
        On::Ids(ids) => body["ids"] = json!(ids),
        On::Query(filter) => body["query"] = filter.native(),
    }
    let request = client.request(Method::PUT, &path(hold)).json(&body);
    let answer = client.try_send(request).await;
    let answer = answer.map_err(|error| format!("no answer to a hold: {error}"))?;
    if answer.status.is_success() {
        Ok(())
    } else {
        Err(format!("the hold was refused: {} {}", answer.status, answer.text))
    }
}

/// Releases the hold of a job, if it has one. Returns the job at its end if the hold had held it back.
///
/// # Errors
/// Returns the answer if the release was refused, or the last look at a job that does not end.
pub(crate) async fn release(client: &Client, job: &Job, done: Option<&Done>) -> Result<Option<Done>, String> {
    let Some(hold) = &job.hold else { return Ok(None) };
    let answer = client.try_send(client.request(Method::DELETE, &path(hold))).await;
    let answer = answer.map_err(|error| format!("no answer to a release: {error}"))?;
    let Some(done) = done else { return Ok(None) };
    if !answer.status.is_success() {
        return Err(format!("the release was refused: {} {}", answer.status, answer.text));
    }
    if !done.is_held() {
        return Ok(None);
    }
    let id = done.job["id"].as_str().unwrap_or_default();
    let job = ended(client, id).await?;
    Ok(Some(Done { job, ..done.clone() }))
}

fn path(hold: &Hold) -> String {
    format!("/v1/holds/{}", hold.name)
}
