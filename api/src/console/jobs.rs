//! The list of jobs.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use lethe_common::job::SelectorKind;
use lethe_common::state::State as JobState;
use strum::IntoEnumIterator as _;

use super::cause::{self, Cause};
use super::due::Due;
use super::filter_form::{FilterForm, List};
use super::filters::Filters;
use super::frame::{Frame, answer};
use super::links;
use super::matching;
use super::pages::{AFTER, Pages};
use super::session::Session;
use super::words::{self, Moment};
use crate::http::problem::Problem;
use crate::job::answer::Job;
use crate::routes::jobs::list;
use crate::state::AppState;

/// The page.
#[derive(Template)]
#[template(path = "console/jobs.html")]
struct Jobs {
    frame: Frame,
    form: FilterForm,
    rows: Vec<Row>,
    pages: Pages,
    /// Acts on all jobs that match.
    acts: Vec<matching::Link>,
}

/// The filters with a text: the parameter, its label, and an example.
const TEXTS: [(&str, &str, &str); 8] = [
    ("principal", "Requested by", ""),
    ("schedule", "Schedule", ""),
    ("error_code", "Error", "unavailable"),
    ("reference", "Reference", ""),
    ("label", "Label", "team:privacy"),
    ("created_after", "From", "2030-01-31T12:00:00Z"),
    ("created_before", "Until", "2030-01-31T12:00:00Z"),
    ("due_before", "Due before", "2030-01-31T12:00:00Z"),
];

/// A job in a list.
struct Row {
    path: String,
    id: String,
    state: &'static str,
    kind: String,
    place: String,
    percent: u8,
    memories: String,
    principal: String,
    accepted: Option<Moment>,
    /// The reason why it waits or failed.
    why: Option<String>,
    /// The deadline, if it is near or has passed.
    due: Option<Due>,
}

impl From<&Job> for Row {
    fn from(job: &Job) -> Self {
        let dry = if job.dry_run { ", dry run" } else { "" };
        Self {
            path: links::job(job.id),
            id: job.id.to_string(),
            state: job.state,
            kind: format!("{}{dry}", job.kind),
            place: place(job),
            percent: words::percent(job.progress),
            memories: words::count(job.selected),
            principal: job.principal.clone(),
            accepted: job.accepted_at.map(Moment),
            why: why(job),
            due: Due::that_presses(job),
        }
    }
}

/// Returns the reason why a job waits or failed.
fn why(job: &Job) -> Option<String> {
    let waits = job.waits_for.as_ref().map(cause::detail);
    let failed = || Some(Cause::of(job.error_code.as_deref()?).what.to_owned());
    waits.or_else(failed)
}

/// Returns the place of a job's memories.
pub(super) fn place(job: &Job) -> String {
    place_of(job.target.as_deref(), job.table.as_deref())
}

/// Returns a place by its target and its table.
pub(super) fn place_of(target: Option<&str>, table: Option<&str>) -> String {
    match (target, table) {
        (Some(target), Some(table)) => format!("{target}/{table}"),
        (Some(target), None) => target.to_owned(),
        (None, _) => "all targets".to_owned(),
    }
}

/// Shows the jobs that the caller sees, the newest first.
pub(super) async fn page(
    State(state): State<AppState>,
    session: Session,
    filters: Filters,
) -> Result<Response, Problem> {
    let list = list::listed(&state, &session.principal, filters.read()?).await?;
    let pages = Pages::new(links::JOBS, &filters, list.next.as_deref(), ("Newest", "Older"));
    let frame = Frame::of(&session, links::JOBS, "Jobs");
    // Of a later page nothing is live: its jobs seldom change.
    let frame = if filters.value(AFTER).is_empty() {
        frame.with_events(links::EVENTS)
    } else {
        frame
    };
    let form = FilterForm::new(
        (links::JOBS, "Filter jobs"),
        &filters,
        lists(&state, &session, &filters),
        &TEXTS,
    );
    Ok(answer(StatusCode::OK, frame, |frame| Jobs {
        frame,
        form,
        rows: list.jobs.iter().map(Row::from).collect(),
        pages,
        acts: matching::Link::all(&session.principal, &filters),
    }))
}

fn lists(state: &AppState, session: &Session, filters: &Filters) -> Vec<List> {
    let states = JobState::iter().filter(|state| *state != JobState::Receiving);
    let kinds = SelectorKind::iter().map(SelectorKind::as_str);
    let targets = session.principal.targets(state.config());
    let targets = targets.iter().map(|target| target.name.as_str());
    vec![
        List::new(filters, ("state", "State"), states.map(JobState::as_str)),
        List::new(filters, ("target", "Target"), targets),
        List::new(filters, ("kind", "Kind"), kinds),
        List::new(filters, ("overdue", "Overdue"), ["true"]),
    ]
}
