//! `GET /v1/jobs`.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use jiff::Timestamp;
use lethe_common::clock::to_millis;
use lethe_common::config::{NAME, is_name};
use lethe_common::error_code::ErrorCode;
use lethe_common::job::{JobId, SelectorKind};
use lethe_common::ledger::{JobFilter, MarkFilter};
use lethe_common::state::State as JobState;
use serde::{Deserialize, Deserializer, Serialize};
use strum::IntoEnumIterator as _;
use utoipa::{IntoParams, ToSchema};

use crate::auth::Principal;
use crate::deletion::{placement, request};
use crate::http::extract::Params;
use crate::http::format::Format;
use crate::http::page::{self, caller, limit, time};
use crate::http::problem::Problem;
use crate::job::answer::Job;
use crate::job::previewed;
use crate::job::visible::{rest, within};
use crate::routes::answers::Usual;
use crate::state::AppState;

/// The default and the greatest number of jobs in a page: a screen, and an answer of about 200 KiB.
const LIMIT: (u32, u32) = (50, 200);

/// The most reads of the ledger for one page, unless more jobs have the millisecond of the cursor. Each ends after a number
/// of jobs. The page leaves out jobs that do not match, and jobs outside the caller's bounds.
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
    /// Only jobs of this caller, as jobs have it in `principal`.
    principal: Option<String>,
    /// Only jobs of this kind: `ids`, `query` or `subject`.
    kind: Option<String>,
    /// Only jobs with this last error, such as `unavailable`.
    error_code: Option<String>,
    /// Only jobs with this reference.
    reference: Option<String>,
    /// Only jobs with this label: its key, a colon and its value, such as `team:privacy`.
    label: Option<String>,
    /// Only jobs created from this time on. A job is created when its request comes in, an upload when it begins.
    #[param(value_type = Option<String>, format = DateTime)]
    created_after: Option<String>,
    /// Only jobs created before this time.
    #[param(value_type = Option<String>, format = DateTime)]
    created_before: Option<String>,
    /// `true`: only jobs that have not ended and whose deadline has passed. `false` is no filter.
    #[serde(default, deserialize_with = "unless_false")]
    #[param(value_type = Option<bool>)]
    overdue: Option<String>,
    /// Only jobs that have not ended and whose deadline is before this time.
    #[param(value_type = Option<String>, format = DateTime)]
    due_before: Option<String>,
    /// `next` of the page before.
    pub(super) after: Option<String>,
    /// The greatest number of jobs in a page, 1 to 200; 50 if absent.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 200)]
    limit: Option<String>,
}

/// Jobs, the newest first.
#[derive(Serialize, ToSchema)]
pub(crate) struct JobList {
    /// The jobs. A page that is short or empty may not be the last.
    pub(crate) jobs: Vec<Job>,
    /// The value of `after` for the next page; `null` on the last.
    pub(crate) next: Option<String>,
}

/// List jobs, the newest first: the caller's own, and with the scope `jobs:read` those of other callers.
///
/// With `accept: text/csv` or `application/x-ndjson` the header `x-next` has the value of `after` for the next page.
#[utoipa::path(
    get,
    path = "/v1/jobs",
    operation_id = "listJobs",
    tag = "jobs",
    params(ListParams),
    responses(
        (status = 200, description = "The jobs", headers(
            ("x-next" = Option<String>, description = "With CSV and NDJSON: the value of `after` for the next page; absent on the last")
        ), content((JobList = "application/json"), (String = "text/csv"), (String = "application/x-ndjson"))),
        Usual,
    ),
)]
pub(crate) async fn list(
    State(state): State<AppState>,
    principal: Principal,
    headers: HeaderMap,
    Params(params): Params<ListParams>,
) -> Result<Response, Problem> {
    let page = listed(&state, &principal, params).await?;
    let format = Format::accepted(&headers);
    // A row of CSV has no preview.
    if format != Format::Csv {
        previewed::note_page(&state, &principal, &page.jobs).await?;
    }
    format.write(page.jobs, page.next, |jobs, next| JobList { jobs, next })
}

impl ListParams {
    /// Returns whether nothing is filtered.
    pub(super) fn is_empty(&self) -> bool {
        // Without `..`, so that a new filter is not forgotten here.
        matches!(
            self,
            Self {
                state: None,
                target: None,
                schedule: None,
                principal: None,
                kind: None,
                error_code: None,
                reference: None,
                label: None,
                created_after: None,
                created_before: None,
                overdue: None,
                due_before: None,
                after: _,
                limit: _,
            }
        )
    }

    /// Returns the filter of the jobs that the caller sees, from the newest on. Its limit is the length of a page.
    pub(super) fn filter(self, state: &AppState, principal: &Principal) -> Result<JobFilter, Problem> {
        let filter = JobFilter {
            whose: principal.seen(),
            principal: self.principal.map(|name| caller("principal", name)).transpose()?,
            state: self.state.as_deref().map(job_state).transpose()?,
            kind: self.kind.as_deref().map(kind).transpose()?,
            target: self.target,
            schedule: self.schedule.map(schedule).transpose()?,
            error_code: self.error_code.as_deref().map(error_code).transpose()?,
            marks: MarkFilter {
                reference: self.reference.map(request::reference).transpose()?,
                label: self.label.as_deref().map(request::pair).transpose()?,
            },
            created_after: bound("created_after", self.created_after.as_deref())?,
            created_before: bound("created_before", self.created_before.as_deref())?,
            due_before: due(self.overdue.as_deref(), self.due_before.as_deref(), state.clock().now())?,
            after: None,
            limit: limit(self.limit.as_deref(), LIMIT)?,
        };
        if let Some(target) = &filter.target {
            placement::named(&placement::reached(state.config(), principal)?, target)?;
        }
        Ok(filter)
    }
}

/// Returns a page of the jobs that the caller sees.
pub(crate) async fn listed(state: &AppState, principal: &Principal, params: ListParams) -> Result<JobList, Problem> {
    let after: Option<JobId> = params.after.as_deref().map(cursor).transpose()?;
    let mut filter = params.filter(state, principal)?;
    let limit = filter.limit;
    (filter.after, filter.limit) = (after, limit + 1);
    // A job must be read before it can be compared with the caller's bounds.
    let mut jobs = Vec::new();
    let mut reads = 0;
    let place = loop {
        let read = state.ledger().jobs(&filter).await?;
        jobs.extend(within(state, principal, read.jobs).await?);
        filter.after = read.next;
        reads += 1;
        let Some(read) = read.next.filter(|_| jobs.len() <= limit as usize) else {
            break None;
        };
        // Until the time of the cursor has passed, another page would begin at the same job.
        let place = rest(read, jobs.last().map(|job| job.id));
        if reads >= READS && after.is_none_or(|after| place < after) {
            break Some(place);
        }
    };
    let (jobs, next) = page::cut(jobs, limit, |job| job.id.to_string());
    let next = next.or_else(|| place.map(|id| id.to_string()));
    let jobs = jobs.into_iter().map(Job::from).collect();
    Ok(JobList { jobs, next })
}

fn schedule(name: String) -> Result<String, Problem> {
    // No schedule has another kind of name, and PostgreSQL accepts no NUL.
    if is_name(&name) {
        Ok(name)
    } else {
        Err(Problem::invalid("schedule", NAME))
    }
}

fn kind(word: &str) -> Result<SelectorKind, Problem> {
    let unknown = |_| Problem::invalid("kind", "write `ids`, `query` or `subject`");
    word.parse().map_err(unknown)
}

fn error_code(word: &str) -> Result<ErrorCode, Problem> {
    let unknown = |_| {
        Problem::invalid(
            "error_code",
            "write an error code as jobs have it, such as `unavailable`",
        )
    };
    word.parse().map_err(unknown)
}

fn bound(field: &str, text: Option<&str>) -> Result<Option<i64>, Problem> {
    text.map(|text| time(field, text)).transpose()
}

/// Reads a choice. `false` is as if it were absent: some generated clients send each default.
// An act on all matching jobs must not take it for a filter.
fn unless_false<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    let word: Option<String> = Option::deserialize(from)?;
    Ok(word.filter(|word| word != "false"))
}

/// Returns the time before which jobs are due.
fn due(overdue: Option<&str>, before: Option<&str>, now: Timestamp) -> Result<Option<i64>, Problem> {
    let overdue = match overdue {
        None => None,
        Some("true") => Some(to_millis(now)),
        Some(_) => return Err(Problem::invalid("overdue", "write true or false")),
    };
    let before = bound("due_before", before)?;
    // Both must hold.
    Ok(overdue.into_iter().chain(before).min())
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
