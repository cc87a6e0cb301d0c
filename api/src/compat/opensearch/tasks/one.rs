//! One task: watching it, cancelling it, and forgetting its result.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::matching::Matching;
use super::seen::{CANCEL, ended, group_by, one, stop, task};
use crate::compat::opensearch::answer::{Cause, DeletedByQuery, ErrorBody, Refused};
use crate::compat::opensearch::bodiless::NoBody;
use crate::compat::opensearch::mistyped;
use crate::compat::opensearch::status::Details;
use crate::compat::opensearch::task::{TaskId, TaskResult, Tasks, absent};
use crate::compat::opensearch::values::{self, Flag, WAIT, WrittenParams};
use crate::compat::read::{Caller, InPath, Query};
use crate::http::problem::{Kind, Problem};
use crate::state::AppState;

/// The confirmation of an action.
#[derive(Serialize, ToSchema)]
#[schema(as = OpenSearchAcknowledged)]
pub(crate) struct Acknowledged {
    /// Always true.
    acknowledged: bool,
}

/// Get the progress or the result of a deletion by query.
#[utoipa::path(
    get,
    path = "/_tasks/{task_id}",
    operation_id = "openSearchGetTask",
    tag = "opensearch",
    security(("basic" = []), ("bearer" = [])),
    params(
        ("task_id" = String, Path, description = "The task's id"),
        ("wait_for_completion" = inline(Option<Flag>), Query, description = "Whether to wait for its end"),
        ("timeout" = Option<String>, Query, description = "For how long; 30s if absent"),
        WrittenParams,
    ),
    responses((status = 200, description = "The task", body = TaskResult), Refused),
)]
pub(crate) async fn get(
    State(state): State<AppState>,
    Caller(principal): Caller,
    InPath(id): InPath<String>,
    query: Query,
) -> Result<Json<TaskResult>, Problem> {
    values::only(&query, &["timeout", "wait_for_completion"])?;
    let wait = values::time(&query, "timeout")?.unwrap_or(WAIT);
    let waits = values::flag(&query, "wait_for_completion", false)?;
    let mut job = task(&state, &principal, &id).await?;
    if waits {
        job = ended(&state, &principal.name, job, wait).await;
    }
    let result = match mistyped::of(&state, &job).await? {
        Some(problem) => Some(Err(Cause::of(&problem))),
        // A client asks until the task is completed, and a hold may stay for years.
        None if job.state.rests() => Some(Ok(DeletedByQuery::of(&state, &principal, &job).await?)),
        None => None,
    };
    let details = Details::of(&state, std::slice::from_ref(&job)).await?;
    Ok(Json(TaskResult::new(&job, &details, result)))
}

/// Cancel a deletion by query. Erased memories stay erased.
#[utoipa::path(
    post,
    path = "/_tasks/{task_id}/_cancel",
    operation_id = "openSearchCancelTask",
    tag = "opensearch",
    security(("basic" = []), ("bearer" = [])),
    params(
        ("task_id" = String, Path, description = "The task's id"),
        ("actions" = Option<String>, Query, description = "Cancels the task only if its action matches one of these patterns, such as `*/delete/byquery`"),
        ("parent_task_id" = Option<String>, Query, description = "Cancels the task only if it has this parent. No task has a parent"),
        ("wait_for_completion" = inline(Option<Flag>), Query, description = "Whether to wait until it has stopped, at most 30 s"),
        ("timeout" = Option<String>, Query, description = "Checked, but has no effect"),
        ("group_by" = Option<String>, Query, description = "`nodes`, `parents` or `none`"),
        WrittenParams,
    ),
    responses((status = 200, description = "It is being cancelled", body = Tasks), Refused),
)]
pub(crate) async fn cancel(
    State(state): State<AppState>,
    Caller(principal): Caller,
    InPath(id): InPath<String>,
    query: Query,
    NoBody: NoBody,
) -> Result<Json<Tasks>, Problem> {
    values::only(&query, &[&Matching::NAMES[..], &CANCEL].concat())?;
    values::time(&query, "timeout")?;
    let matching = Matching::read(&query)?;
    let waits = values::flag(&query, "wait_for_completion", false)?;
    let group_by = group_by(&query)?;
    let job = task(&state, &principal, &id).await?;
    matching.check(&job)?;
    principal.require_control(&job)?;
    if !stop(&state, &principal, &job).await? {
        return Err(absent(&TaskId(job.id).text()));
    }
    let mut job = task(&state, &principal, &id).await?;
    if waits {
        job = ended(&state, &principal.name, job, WAIT).await;
    }
    one(&state, job, group_by).await
}

/// Delete the result of an ended deletion by query. Its job stays.
#[utoipa::path(
    delete,
    path = "/_tasks/{task_id}",
    operation_id = "openSearchDeleteTask",
    tag = "opensearch",
    security(("basic" = []), ("bearer" = [])),
    params(("task_id" = String, Path, description = "The task's id"), WrittenParams),
    responses(
        (status = 200, description = "The task is forgotten", body = Acknowledged),
        (status = 409, description = "It has not ended", body = ErrorBody, example = json!({
            "error": {
                "root_cause": [{"type": "status_exception", "reason": "task [0198f3a2:1] is running: cancel it, or wait for its end"}],
                "type": "status_exception", "reason": "task [0198f3a2:1] is running: cancel it, or wait for its end",
            },
            "status": 409,
        })),
        Refused,
    ),
)]
pub(crate) async fn forget(
    State(state): State<AppState>,
    Caller(principal): Caller,
    InPath(id): InPath<String>,
    query: Query,
    NoBody: NoBody,
) -> Result<Json<Acknowledged>, Problem> {
    values::only(&query, &[])?;
    let job = task(&state, &principal, &id).await?;
    principal.require_control(&job)?;
    if !state.ledger().forget_task(job.id, &principal.actor()).await? {
        let text = format!(
            "task [{}] is running: cancel it, or wait for its end",
            TaskId(job.id).text()
        );
        return Err(Problem::new(Kind::JobNotEnded, text));
    }
    Ok(Json(Acknowledged { acknowledged: true }))
}
