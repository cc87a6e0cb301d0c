//! `GET /v1/jobs`.

use axum::Json;
use axum::extract::State;
use lethe_common::config::{NAME, is_name};
use lethe_common::ledger::JobFilter;
use lethe_common::state::State as JobState;
use serde::{Deserialize, Serialize};
use strum::IntoEnumIterator as _;
use utoipa::{IntoParams, ToSchema};

use crate::auth::Principal;
use crate::deletion::placement;
use crate::http::extract::Params;
use crate::http::page::{self, limit};
use crate::http::problem::Problem;
use crate::job::answer::Job;
use crate::job::visible::within;
use crate::routes::answers::Usual;
use crate::state::AppState;

/// The default and the greatest number of jobs in a page: a screen, and an answer of about 200 KiB.
const LIMIT: (u32, u32) = (50, 200);

/// The most reads of the ledger for one page, since jobs outside the caller's bounds are left out of it.
const READS: usize = 8;

/// The filter of jobs.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListParams {
    /// Only jobs in this state.
    state: Option<String>,
    /// Only jobs that are about this target alone.
    target: Option<String>,
    /// Only jobs that this schedule made.
    schedule: Option<String>,
    /// `next` of the page before.
    after: Option<String>,
    /// The greatest number of jobs to list, 1 to 200; 50 if absent.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 200)]
    limit: Option<String>,
}

/// Jobs, the newest first.
#[derive(Serialize, ToSchema)]
pub(crate) struct JobList {
    /// The jobs. A page that is short or empty may not be the last.
    jobs: Vec<Job>,
    /// The value of `after` for the next page; `null` on the last.
    next: Option<String>,
}

/// List jobs, the newest first: the caller's own, and with the scope `jobs:read` those of other callers.
#[utoipa::path(
    get,
    path = "/v1/jobs",
    operation_id = "listJobs",
    tag = "jobs",
    params(ListParams),
    responses((status = 200, description = "The jobs", body = JobList), Usual),
)]
pub(crate) async fn list(
    State(state): State<AppState>,
    principal: Principal,
    Params(params): Params<ListParams>,
) -> Result<Json<JobList>, Problem> {
    let limit = limit(params.limit.as_deref(), LIMIT)?;
    let mut filter = JobFilter {
        whose: principal.seen(),
        state: params.state.as_deref().map(job_state).transpose()?,
        target: params.target,
        schedule: params.schedule.map(schedule).transpose()?,
        after: params.after.as_deref().map(cursor).transpose()?,
        limit: limit + 1,
    };
    if let Some(target) = &filter.target {
        placement::named(&placement::reached(state.config(), &principal)?, target)?;
    }
    // A job must be read before it can be compared with the caller's bounds.
    let mut jobs = Vec::new();
    for _ in 0..READS {
        let read = state.ledger().jobs(&filter).await?;
        let last = read
            .last()
            .filter(|_| read.len() == filter.limit as usize)
            .map(|job| job.id);
        jobs.extend(within(&state, &principal, read).await?);
        filter.after = last;
        if last.is_none() || jobs.len() > limit as usize {
            break;
        }
    }
    let (jobs, next) = page::cut(jobs, limit, |job| job.id.to_string());
    let next = next.or_else(|| filter.after.map(|id| id.to_string()));
    let jobs = jobs.into_iter().map(Job::from).collect();
    Ok(Json(JobList { jobs, next }))
}

fn schedule(name: String) -> Result<String, Problem> {
    // No schedule has another kind of name, and PostgreSQL accepts no NUL.
    if is_name(&name) {
        Ok(name)
    } else {
        Err(Problem::invalid("schedule", NAME))
    }
}

fn job_state(word: &str) -> Result<JobState, Problem> {
    // A job is visible only once its upload is complete.
    let shown = || JobState::iter().filter(|state| *state != JobState::Receiving);
    shown().find(|state| state.as_str() == word).ok_or_else(|| {
        let words: Vec<_> = shown().map(JobState::as_str).collect();
        Problem::invalid("state", format_args!("write one of {}", words.join(", ")))
    })
}

fn cursor<T: std::str::FromStr>(text: &str) -> Result<T, Problem> {
    text.parse()
        .map_err(|_| Problem::invalid("after", "write the `next` of the page before"))
}
