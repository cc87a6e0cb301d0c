//! Unfinished deletions by query as OpenSearch's tasks: listing them, and cancelling several.

use axum::Json;
use axum::extract::State;
use lethe_common::ledger::{JobFilter, JobView};
use tokio::time::Instant;

use super::matching::Matching;
use super::seen::{CANCEL, ended, group_by, is_task, stop};
use crate::auth::Principal;
use crate::compat::opensearch::answer::RefusedAtAll;
use crate::compat::opensearch::bodiless::NoBody;
use crate::compat::opensearch::status::Details;
use crate::compat::opensearch::task::Tasks;
use crate::compat::opensearch::values::{self, Flag, WAIT, WrittenParams};
use crate::compat::read::{Caller, Query};
use crate::http::problem::Problem;
use crate::job::visible::within;
use crate::state::AppState;

/// The most tasks in a list. Their answer has about a megabyte.
const MOST: u32 = 1_000;

/// List the unfinished deletions by query. Only the newest 1,000 are searched.
#[utoipa::path(
    get,
    path = "/_tasks",
    operation_id = "openSearchListTasks",
    tag = "opensearch",
    security(("basic" = []), ("bearer" = [])),
    params(
        ("actions" = Option<String>, Query, description = "Only tasks whose action matches one of these patterns, such as `*/delete/byquery`"),
        ("nodes" = Option<String>, Query, description = "Only tasks whose node name or id matches one of these patterns. `*` is any text"),
        ("parent_task_id" = Option<String>, Query, description = "Only tasks with this parent. No task has a parent"),
        ("detailed" = inline(Option<Flag>), Query, description = "Whether to include the progress"),
        ("group_by" = Option<String>, Query, description = "`nodes`, `parents` or `none`"),
        ("wait_for_completion" = inline(Option<Flag>), Query, description = "Whether to wait for the end of all"),
        ("timeout" = Option<String>, Query, description = "For how long; 30s if absent"),
        WrittenParams,
    ),
    responses((status = 200, description = "The tasks", body = Tasks), RefusedAtAll),
)]
pub(crate) async fn list(
    State(state): State<AppState>,
    Caller(principal): Caller,
    query: Query,
) -> Result<Json<Tasks>, Problem> {
    values::only(&query, &[&Matching::NAMES[..], &CANCEL, &["detailed"]].concat())?;
    let wait = values::time(&query, "timeout")?.unwrap_or(WAIT);
    let waits = values::flag(&query, "wait_for_completion", false)?;
    let detailed = values::flag(&query, "detailed", false)?;
    let group_by = group_by(&query)?;
    let matching = Matching::read(&query)?;
    let mut jobs = matched(&state, &principal, &matching).await?;
    if waits {
        let until = Instant::now() + wait;
        for job in &mut jobs {
            let left = until.saturating_duration_since(Instant::now());
            *job = ended(&state, &principal.name, job.clone(), left).await;
        }
    }
    let details = if detailed {
        Some(Details::of(&state, &jobs).await?)
    } else {
        None
    };
    Ok(Json(Tasks::new(&jobs, details.as_ref(), group_by)))
}

/// Cancel the matching deletions by query. Only the newest 1,000 are searched, and erased memories stay erased.
#[utoipa::path(
    post,
    path = "/_tasks/_cancel",
    operation_id = "openSearchCancelTasks",
    tag = "opensearch",
    security(("basic" = []), ("bearer" = [])),
    params(
        ("actions" = Option<String>, Query, description = "Only tasks whose action matches one of these patterns, such as `*/delete/byquery`"),
        ("nodes" = Option<String>, Query, description = "Only tasks whose node name or id matches one of these patterns. `*` is any text"),
        ("parent_task_id" = Option<String>, Query, description = "Only tasks with this parent. No task has a parent"),
        ("wait_for_completion" = inline(Option<Flag>), Query, description = "Whether to wait until they have stopped, at most 30 s"),
        ("timeout" = Option<String>, Query, description = "Checked, but has no effect"),
        ("group_by" = Option<String>, Query, description = "`nodes`, `parents` or `none`"),
        WrittenParams,
    ),
    responses((status = 200, description = "The tasks that are being cancelled", body = Tasks), RefusedAtAll),
)]
pub(crate) async fn cancel(
    State(state): State<AppState>,
    Caller(principal): Caller,
    query: Query,
    NoBody: NoBody,
) -> Result<Json<Tasks>, Problem> {
    values::only(&query, &[&Matching::NAMES[..], &CANCEL].concat())?;
    values::time(&query, "timeout")?;
    let waits = values::flag(&query, "wait_for_completion", false)?;
    let group_by = group_by(&query)?;
    let matching = Matching::read(&query)?;
    let mut stopped = Vec::new();
    for job in matched(&state, &principal, &matching).await? {
        // Jobs that the caller may not change are skipped, and so are jobs that ended meanwhile.
        if principal.require_control(&job).is_ok() && stop(&state, &principal, &job).await? {
            stopped.push(state.ledger().job(job.id).await?.unwrap_or(job));
        }
    }
    if waits {
        let until = Instant::now() + WAIT;
        for job in &mut stopped {
            let left = until.saturating_duration_since(Instant::now());
            *job = ended(&state, &principal.name, job.clone(), left).await;
        }
    }
    let details = Details::of(&state, &stopped).await?;
    Ok(Json(Tasks::new(&stopped, Some(&details), group_by)))
}

/// Returns the matching tasks that the caller may see.
async fn matched(state: &AppState, principal: &Principal, matching: &Matching) -> Result<Vec<JobView>, Problem> {
    if matching.is_nothing() {
        return Ok(Vec::new());
    }
    let filter = JobFilter {
        whose: principal.seen(),
        state: None,
        target: None,
        schedule: None,
        tasks: true,
        after: None,
        limit: MOST,
    };
    let mut jobs = state.ledger().jobs(&filter).await?;
    jobs.retain(|job| is_task(job) && matching.is_met_by(job));
    within(state, principal, jobs).await
}
