//! Watching a deletion by query, cancelling it and changing its pace, as OpenSearch has it.
//!
//! A caller sees the jobs here that it sees natively, and changes those that it may change there;
//! of the others nothing is said but that there is no such task.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use lethe_common::doorbell::Ring;
use lethe_common::ledger::{CancelOutcome, JobView, ThrottleOutcome};
use serde::Serialize;
use utoipa::ToSchema;

use super::answer::{Cause, DeletedByQuery, ErrorBody, Refused};
use super::bodiless::NoBody;
use super::matching::Matching;
use super::mistyped;
use super::status::Details;
use super::task::{GroupBy, TaskId, TaskResult, Tasks, absent};
use super::values::{self, Flag, WAIT, WrittenParams, illegal};
use crate::auth::Principal;
use crate::compat::read::{Caller, InPath, Query};
use crate::http::json::short;
use crate::http::prefer::Prefer;
use crate::http::problem::{Kind, Problem};
use crate::job::visible::visible;
use crate::job::watch;
use crate::state::AppState;

/// What cancelling takes, beside which tasks are meant.
pub(super) const CANCEL: [&str; 3] = ["group_by", "timeout", "wait_for_completion"];

/// That something was done.
#[derive(Serialize, ToSchema)]
#[schema(as = OpenSearchAcknowledged)]
pub(crate) struct Acknowledged {
    /// Always true.
    acknowledged: bool,
}

/// Say how far a deletion by query is, or what it came to.
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
        job = ended(&state, job, wait).await;
    }
    let result = match mistyped::of(&state, &job).await? {
        Some(problem) => Some(Err(Cause::of(&problem))),
        None if job.state.is_ended() => Some(Ok(DeletedByQuery::of(&state, &job).await?)),
        None => None,
    };
    let details = Details::of(&state, std::slice::from_ref(&job)).await?;
    Ok(Json(TaskResult::new(&job, &details, result)))
}

/// Cancel a deletion by query: what was erased stays erased.
#[utoipa::path(
    post,
    path = "/_tasks/{task_id}/_cancel",
    operation_id = "openSearchCancelTask",
    tag = "opensearch",
    security(("basic" = []), ("bearer" = [])),
    params(
        ("task_id" = String, Path, description = "The task's id"),
        ("actions" = Option<String>, Query, description = "Only if it is one of these, such as `*/delete/byquery`"),
        ("parent_task_id" = Option<String>, Query, description = "Only if this is its parent: no task has one"),
        ("wait_for_completion" = inline(Option<Flag>), Query, description = "Whether to wait until it has stopped, at most 30 s"),
        ("timeout" = Option<String>, Query, description = "Checked, and of no effect"),
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
    if !stop(&state, &job).await? {
        return Err(absent(&TaskId(job.id).text()));
    }
    let mut job = task(&state, &principal, &id).await?;
    if waits {
        job = ended(&state, job, WAIT).await;
    }
    one(&state, job, group_by).await
}

/// Asks for the end of a job; returns whether it was still to come.
pub(super) async fn stop(state: &AppState, job: &JobView) -> Result<bool, Problem> {
    let accepted = state.ledger().cancel(job.id).await? == CancelOutcome::Accepted;
    if accepted {
        state.doorbell().ring(Ring::Changed(job.id));
        state.doorbell().ring(Ring::Work);
    }
    Ok(accepted)
}

/// Change the pace of a deletion by query.
#[utoipa::path(
    post,
    path = "/_delete_by_query/{task_id}/_rethrottle",
    operation_id = "openSearchRethrottle",
    tag = "opensearch",
    security(("basic" = []), ("bearer" = [])),
    params(
        ("task_id" = String, Path, description = "The task's id"),
        ("requests_per_second" = f64, Query, description = "The most memories a second; -1: as fast as it can"),
        ("group_by" = Option<String>, Query, description = "`nodes`, `parents` or `none`"),
        WrittenParams,
    ),
    responses((status = 200, description = "It has this pace within a second", body = Tasks), Refused),
)]
pub(crate) async fn rethrottle(
    State(state): State<AppState>,
    Caller(principal): Caller,
    InPath(id): InPath<String>,
    query: Query,
    NoBody: NoBody,
) -> Result<Json<Tasks>, Problem> {
    values::only(&query, &["group_by", "requests_per_second"])?;
    let per_second = values::requests_per_second(&query)?;
    let per_second = per_second.ok_or_else(|| illegal("requests_per_second is a required parameter"))?;
    let group_by = group_by(&query)?;
    let job = task(&state, &principal, &id).await?;
    principal.require_control(&job)?;
    match state.ledger().throttle(job.id, per_second).await? {
        ThrottleOutcome::Accepted => {
            state.doorbell().ring(Ring::Changed(job.id));
            state.doorbell().ring(Ring::Work);
        }
        ThrottleOutcome::Ended(_) | ThrottleOutcome::Unknown => return Err(absent(&TaskId(job.id).text())),
    }
    let job = task(&state, &principal, &id).await?;
    one(&state, job, group_by).await
}

/// Change the pace of a deletion by query, whatever its clients take it for: OpenSearch has one
/// handler for three paths.
#[utoipa::path(
    post,
    path = "/_reindex/{task_id}/_rethrottle",
    operation_id = "openSearchRethrottleReindex",
    tag = "opensearch",
    security(("basic" = []), ("bearer" = [])),
    params(
        ("task_id" = String, Path, description = "The task's id"),
        ("requests_per_second" = f64, Query, description = "The most memories a second; -1: as fast as it can"),
        ("group_by" = Option<String>, Query, description = "`nodes`, `parents` or `none`"),
        WrittenParams,
    ),
    responses((status = 200, description = "It has this pace within a second", body = Tasks), Refused),
)]
pub(crate) async fn rethrottle_reindex(
    state: State<AppState>,
    caller: Caller,
    id: InPath<String>,
    query: Query,
    body: NoBody,
) -> Result<Json<Tasks>, Problem> {
    rethrottle(state, caller, id, query, body).await
}

/// Change the pace of a deletion by query, by the third of these paths.
#[utoipa::path(
    post,
    path = "/_update_by_query/{task_id}/_rethrottle",
    operation_id = "openSearchRethrottleUpdate",
    tag = "opensearch",
    security(("basic" = []), ("bearer" = [])),
    params(
        ("task_id" = String, Path, description = "The task's id"),
        ("requests_per_second" = f64, Query, description = "The most memories a second; -1: as fast as it can"),
        ("group_by" = Option<String>, Query, description = "`nodes`, `parents` or `none`"),
        WrittenParams,
    ),
    responses((status = 200, description = "It has this pace within a second", body = Tasks), Refused),
)]
pub(crate) async fn rethrottle_update(
    state: State<AppState>,
    caller: Caller,
    id: InPath<String>,
    query: Query,
    body: NoBody,
) -> Result<Json<Tasks>, Problem> {
    rethrottle(state, caller, id, query, body).await
}

/// Delete the result of a deletion by query that has ended; its job stays.
#[utoipa::path(
    delete,
    path = "/_tasks/{task_id}",
    operation_id = "openSearchDeleteTask",
    tag = "opensearch",
    security(("basic" = []), ("bearer" = [])),
    params(("task_id" = String, Path, description = "The task's id"), WrittenParams),
    responses(
        (status = 200, description = "Nobody can ask for it as a task any more", body = Acknowledged),
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
    if !state.ledger().forget_task(job.id).await? {
        let text = format!(
            "task [{}] is running: cancel it, or wait for its end",
            TaskId(job.id).text()
        );
        return Err(Problem::new(Kind::JobNotEnded, text));
    }
    Ok(Json(Acknowledged { acknowledged: true }))
}

/// Returns the job of a task that the caller may see.
async fn task(state: &AppState, principal: &Principal, text: &str) -> Result<JobView, Problem> {
    let id = TaskId::read(text)?;
    match visible(state, principal, id.0).await {
        Ok(job) if is_task(&job) => Ok(job),
        Err(problem) if problem.kind != Kind::NotFound => Err(problem),
        _ => Err(absent(&id.text())),
    }
}

pub(super) fn is_task(job: &JobView) -> bool {
    job.kind == "query" && !job.dry_run && !job.task_forgotten
}

/// Returns a job when it has ended, or as it is then.
pub(super) async fn ended(state: &AppState, job: JobView, wait: Duration) -> JobView {
    let wait = Prefer {
        wait: Some(wait),
        ..Prefer::default()
    };
    watch::as_preferred(state, job, wait).await.0
}

async fn one(state: &AppState, job: JobView, group_by: GroupBy) -> Result<Json<Tasks>, Problem> {
    let jobs = [job];
    let details = Details::of(state, &jobs).await?;
    Ok(Json(Tasks::new(&jobs, Some(&details), group_by)))
}

pub(super) fn group_by(query: &Query) -> Result<GroupBy, Problem> {
    match query.one("group_by")? {
        None | Some("nodes") => Ok(GroupBy::Nodes),
        Some("parents") => Ok(GroupBy::Parents),
        Some("none") => Ok(GroupBy::None),
        Some(other) => {
            let other = short(other);
            let text = format!("[group_by] must be one of [nodes], [parents] or [none] but was [{other}]");
            Err(illegal(&text))
        }
    }
}
