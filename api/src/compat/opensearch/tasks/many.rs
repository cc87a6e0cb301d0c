//! Unfinished deletions by query as OpenSearch's tasks: listing them, and cancelling several.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderName, HeaderValue, header};
use lethe_common::ledger::JobView;
use lethe_common::state::State as JobState;
use tokio::time::{Instant, timeout};

use super::matching::Matching;
use super::search::Search;
use super::seen::{CANCEL, all_ended, group_by, read_again, stop};
use crate::auth::Principal;
use crate::compat::opensearch::answer::RefusedAtAll;
use crate::compat::opensearch::bodiless::NoBody;
use crate::compat::opensearch::status::Details;
use crate::compat::opensearch::task::Tasks;
use crate::compat::opensearch::values::{self, Flag, WAIT, WrittenParams};
use crate::compat::read::{Caller, Query};
use crate::http::problem::{Kind, Problem};
use crate::state::AppState;

/// The most tasks in an answer. It has about a megabyte.
const MOST: usize = 1_000;

/// The warnings of answers that do not hold all tasks. Code 299 marks a persistent warning.
const NOT_ALL_LISTED: HeaderValue =
    HeaderValue::from_static("299 lethe \"more than 1000 tasks match, and only the newest 1000 are listed\"");
const NOT_ALL_CANCELLED_LISTED: HeaderValue = HeaderValue::from_static(
    "299 lethe \"more than 1000 tasks are being cancelled, and only the newest 1000 are listed\"",
);

/// An answer with tasks, and its warning if it does not hold all of them.
type Listed = (Option<[(HeaderName, HeaderValue); 1]>, Json<Tasks>);

/// List the unfinished deletions by query: the newest 1,000 that match.
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
    responses(
        (
            status = 200,
            description = "The tasks",
            body = Tasks,
            headers(("Warning" = String, description = "More than 1,000 tasks match. The answer has the newest of them")),
        ),
        RefusedAtAll,
    ),
)]
pub(crate) async fn list(
    State(state): State<AppState>,
    Caller(principal): Caller,
    query: Query,
) -> Result<Listed, Problem> {
    values::only(&query, &[&Matching::NAMES[..], &CANCEL, &["detailed"]].concat())?;
    let wait = values::time(&query, "timeout")?.unwrap_or(WAIT);
    let waits = values::flag(&query, "wait_for_completion", false)?;
    let detailed = values::flag(&query, "detailed", false)?;
    let group_by = group_by(&query)?;
    let matching = Matching::read(&query)?;
    let search = newest(Search::new(&state, &principal, &matching));
    let found = timeout(state.config().api.request_timeout, search).await;
    let (mut jobs, is_cut) = found.map_err(|_| Problem::usual(Kind::Slow))??;
    if waits {
        all_ended(&state, &principal.name, &mut jobs, wait).await;
    }
    let details = if detailed {
        Some(Details::of(&state, &jobs).await?)
    } else {
        None
    };
    let tasks = Tasks::new(&jobs, details.as_ref(), group_by);
    Ok((warning(is_cut, NOT_ALL_LISTED), Json(tasks)))
}

/// Cancel all matching deletions by query. Erased memories stay erased.
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
    responses(
        (
            status = 200,
            description = "The tasks that are being cancelled",
            body = Tasks,
            headers(("Warning" = String, description = "More than 1,000 tasks are being cancelled. The answer has the newest of them")),
        ),
        RefusedAtAll,
    ),
)]
pub(crate) async fn cancel(
    State(state): State<AppState>,
    Caller(principal): Caller,
    query: Query,
    NoBody: NoBody,
) -> Result<Listed, Problem> {
    values::only(&query, &[&Matching::NAMES[..], &CANCEL].concat())?;
    values::time(&query, "timeout")?;
    let waits = values::flag(&query, "wait_for_completion", false)?;
    let group_by = group_by(&query)?;
    let matching = Matching::read(&query)?;
    let search = Search::new(&state, &principal, &matching);
    let (mut stopped, is_cut) = stop_all(&state, &principal, search).await?;
    if waits {
        all_ended(&state, &principal.name, &mut stopped, WAIT).await;
    }
    let details = Details::of(&state, &stopped).await?;
    let tasks = Tasks::new(&stopped, Some(&details), group_by);
    Ok((warning(is_cut, NOT_ALL_CANCELLED_LISTED), Json(tasks)))
}

/// Cancels the tasks of a search that the caller may cancel. Returns the newest of them as they are then, and whether
/// there are more.
///
/// # Errors
/// [`Kind::Slow`] after the time limit of a request. The next request goes on.
async fn stop_all(
    state: &AppState,
    principal: &Principal,
    mut search: Search<'_>,
) -> Result<(Vec<JobView>, bool), Problem> {
    let until = Instant::now() + state.config().api.request_timeout;
    let in_time = || {
        let detail = "some matching tasks may not be cancelled yet: send the request again";
        let is_late = Instant::now() >= until;
        if is_late {
            Err(Problem::new(Kind::Slow, detail))
        } else {
            Ok(())
        }
    };
    let (mut stopped, mut is_cut, mut has_stopped) = (Vec::new(), false, false);
    loop {
        in_time()?;
        let Some(jobs) = search.next_jobs().await? else { break };
        for job in jobs {
            if principal.require_control(&job).is_err() {
                continue;
            }
            // A repeated request spends its time on the tasks that are not being cancelled yet, at least on one.
            if job.state != JobState::Cancelling {
                if has_stopped {
                    in_time()?;
                }
                // A job may have ended meanwhile.
                if !stop(state, principal, &job).await? {
                    continue;
                }
                has_stopped = true;
            }
            if stopped.len() < MOST {
                stopped.push(job);
            } else {
                is_cut = true;
            }
        }
    }
    // The others were read when they were being cancelled already.
    let new = stopped.iter_mut().filter(|job| job.state != JobState::Cancelling);
    read_again(state, new.collect()).await?;
    Ok((stopped, is_cut))
}

/// Returns the newest tasks of a search, and whether there are more.
async fn newest(mut search: Search<'_>) -> Result<(Vec<JobView>, bool), Problem> {
    let mut jobs = Vec::new();
    while let Some(found) = search.next_jobs().await? {
        jobs.extend(found);
        if jobs.len() > MOST {
            jobs.truncate(MOST);
            return Ok((jobs, true));
        }
    }
    Ok((jobs, false))
}

fn warning(is_cut: bool, says: HeaderValue) -> Option<[(HeaderName, HeaderValue); 1]> {
    is_cut.then_some([(header::WARNING, says)])
}
