//! Watching deletions by query, cancelling them and changing their pace, as OpenSearch has it.
//!
//! A caller sees the jobs here that it sees natively, and changes those that it may change there;
//! of the others nothing is said but that there is no such task.

use axum::Json;
use axum::extract::State;
use lethe_common::doorbell::Ring;
use lethe_common::ledger::{CancelOutcome, JobFilter, JobView, ThrottleOutcome};
use serde::Serialize;
use utoipa::ToSchema;

use super::answer::{DeletedByQuery, Refused};
use super::parameters::{self, Flag, WAIT, illegal};
use super::short;
use super::task::{ACTION, GroupBy, TaskId, TaskResult, Tasks, absent};
use crate::app::AppState;
use crate::auth::Principal;
use crate::compat::read::{Caller, InPath, Query};
use crate::extract::visible;
use crate::prefer::Prefer;
use crate::problem::{Kind, Problem};
use crate::watch;

/// The most tasks of a list: an answer of about a megabyte.
const MOST: u32 = 1_000;

/// That something was done.
#[derive(Serialize, ToSchema)]
#[schema(as = OpenSearchAcknowledged)]
pub(crate) struct Acknowledged {
    /// Always true.
    acknowledged: bool,
}

/// List the deletions by query that have not ended, the newest 1,000 at most.
#[utoipa::path(
    get,
    path = "/_tasks",
    operation_id = "openSearchListTasks",
    tag = "opensearch",
    security(("basic" = []), ("bearer" = [])),
    params(
        ("actions" = Option<String>, Query, description = "Only these, such as `*/delete/byquery`"),
        ("detailed" = inline(Option<Flag>), Query, description = "Whether to say how far they are"),
        ("group_by" = Option<String>, Query, description = "`nodes`, `parents` or `none`"),
    ),
    responses((status = 200, description = "The tasks", body = Tasks), Refused),
)]
pub(crate) async fn list(
    State(state): State<AppState>,
    Caller(principal): Caller,
    query: Query,
) -> Result<Json<Tasks>, Problem> {
    parameters::only(&query, &["actions", "detailed", "group_by", "timeout"])?;
    parameters::time(&query, "timeout")?;
    let detailed = parameters::flag(&query, "detailed", false)?;
    let group_by = group_by(&query)?;
    let filter = JobFilter {
        whose: principal.seen(),
        state: None,
        target: None,
        schedule: None,
        tasks: true,
        after: None,
        limit: MOST,
    };
    let asked = query.one("actions")?.filter(|patterns| !patterns.is_empty());
    let mut jobs = if asked.is_none_or(|patterns| patterns.split(',').any(is_ours)) {
        state.ledger().jobs(&filter).await?
    } else {
        Vec::new()
    };
    jobs.retain(is_task);
    let batch = state.config().worker.batch;
    Ok(Json(Tasks::new(&jobs, batch, detailed, group_by)))
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
    ),
    responses((status = 200, description = "The task", body = TaskResult), Refused),
)]
pub(crate) async fn get(
    State(state): State<AppState>,
    Caller(principal): Caller,
    InPath(id): InPath<String>,
    query: Query,
) -> Result<Json<TaskResult>, Problem> {
    parameters::only(&query, &["timeout", "wait_for_completion"])?;
    let wait = parameters::time(&query, "timeout")?.unwrap_or(WAIT);
    let waits = parameters::flag(&query, "wait_for_completion", false)?;
    let mut job = task(&state, &principal, &id).await?;
    if waits {
        job = ended(&state, job, wait).await;
    }
    let response = if job.state.is_ended() {
        Some(DeletedByQuery::of(&state, &job).await?)
    } else {
        None
    };
    Ok(Json(TaskResult::new(&job, state.config().worker.batch, response)))
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
        ("wait_for_completion" = inline(Option<Flag>), Query, description = "Whether to wait until it has stopped, at most 30 s"),
        ("group_by" = Option<String>, Query, description = "`nodes`, `parents` or `none`"),
    ),
    responses((status = 200, description = "It is being cancelled", body = Tasks), Refused),
)]
pub(crate) async fn cancel(
    State(state): State<AppState>,
    Caller(principal): Caller,
    InPath(id): InPath<String>,
    query: Query,
) -> Result<Json<Tasks>, Problem> {
    parameters::only(&query, &["group_by", "timeout", "wait_for_completion"])?;
    parameters::time(&query, "timeout")?;
    let waits = parameters::flag(&query, "wait_for_completion", false)?;
    let group_by = group_by(&query)?;
    let job = task(&state, &principal, &id).await?;
    principal.require_control(&job)?;
    match state.ledger().cancel(job.id).await? {
        CancelOutcome::Accepted => {
            state.doorbell().ring(Ring::Changed(job.id));
            state.doorbell().ring(Ring::Work);
        }
        CancelOutcome::Ended(_) | CancelOutcome::Unknown => return Err(absent(&TaskId(job.id).text())),
    }
    let mut job = task(&state, &principal, &id).await?;
    if waits {
        job = ended(&state, job, WAIT).await;
    }
    Ok(Json(one(&state, job, group_by)))
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
    ),
    responses((status = 200, description = "It has this pace within a second", body = Tasks), Refused),
)]
pub(crate) async fn rethrottle(
    State(state): State<AppState>,
    Caller(principal): Caller,
    InPath(id): InPath<String>,
    query: Query,
) -> Result<Json<Tasks>, Problem> {
    parameters::only(&query, &["group_by", "requests_per_second"])?;
    let per_second = parameters::requests_per_second(&query)?;
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
    Ok(Json(one(&state, job, group_by)))
}

/// Delete the result of a deletion by query that has ended; its job stays.
#[utoipa::path(
    delete,
    path = "/_tasks/{task_id}",
    operation_id = "openSearchDeleteTask",
    tag = "opensearch",
    security(("basic" = []), ("bearer" = [])),
    params(("task_id" = String, Path, description = "The task's id")),
    responses((status = 200, description = "Nobody can ask for it as a task any more", body = Acknowledged), Refused),
)]
pub(crate) async fn forget(
    State(state): State<AppState>,
    Caller(principal): Caller,
    InPath(id): InPath<String>,
    query: Query,
) -> Result<Json<Acknowledged>, Problem> {
    parameters::only(&query, &[])?;
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

fn is_task(job: &JobView) -> bool {
    job.kind == "query" && !job.dry_run && !job.task_forgotten
}

/// Returns a job when it has ended, or as it is then.
async fn ended(state: &AppState, job: JobView, wait: std::time::Duration) -> JobView {
    let wait = Prefer {
        wait: Some(wait),
        ..Prefer::default()
    };
    watch::as_preferred(state, job, wait).await.0
}

fn one(state: &AppState, job: JobView, group_by: GroupBy) -> Tasks {
    Tasks::new(&[job], state.config().worker.batch, true, group_by)
}

fn group_by(query: &Query) -> Result<GroupBy, Problem> {
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

/// Returns whether a pattern, in which `*` is anything, means what is done here.
fn is_ours(pattern: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = ACTION.strip_prefix(first) else {
        return false;
    };
    let mut last = None;
    for part in parts {
        if let Some(between) = last.replace(part) {
            match rest.split_once(between) {
                Some((_, after)) => rest = after,
                None => return false,
            }
        }
    }
    last.map_or(rest.is_empty(), |last| rest.ends_with(last))
}

#[cfg(test)]
mod tests {
    use super::is_ours;

    #[test]
    fn actions_are_patterns() {
        for ours in [
            "*",
            "*/delete/byquery",
            "indices:*",
            "*byquery",
            "*delete*",
            "*write*byquery",
            super::ACTION,
            "**",
        ] {
            assert!(is_ours(ours), "{ours}");
        }
        for others in [
            "",
            "x",
            "*reindex",
            "indices:",
            "*/update/byquery",
            "cluster:*",
            "*byquery*delete*",
        ] {
            assert!(!is_ours(others), "{others}");
        }
    }
}
