//! The page of one schedule.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use lethe_common::ledger::{Act, Object, ScheduleRow};

use super::told::Told;
use crate::auth::Principal;
use crate::console::form::Posted;
use crate::console::frame::{Frame, answer};
use crate::console::links;
use crate::console::session::Session;
use crate::console::words;
use crate::http::extract::NamePath;
use crate::http::problem::Problem;
use crate::routes::schedules::seen;
use crate::schedules;
use crate::state::AppState;

/// The page.
#[derive(Template)]
#[template(path = "console/schedule.html")]
struct One {
    frame: Frame,
    schedule: Told,
    /// The caller's own words about its jobs.
    marks: Vec<(String, String)>,
    /// Whether the caller may change it.
    controls: bool,
    /// Whether the caller may write schedules.
    writes: bool,
    /// The request for its jobs, if a form asked for it.
    job: Option<String>,
}

/// Shows a schedule.
pub(in crate::console) async fn page(
    State(state): State<AppState>,
    NamePath(name): NamePath,
    session: Session,
) -> Result<Response, Problem> {
    let row = seen::visible(&state, &session.principal, &name).await?;
    Ok(shown(&session, &row, None))
}

/// Shows the request for the jobs of a schedule, which may name ids and persons.
pub(in crate::console) async fn show_job(
    State(state): State<AppState>,
    NamePath(name): NamePath,
    Posted { session, .. }: Posted,
) -> Result<Response, Problem> {
    let (row, job) = with_job(&state, &session.principal, &name).await?;
    Ok(shown(&session, &row, Some(job)))
}

/// Returns a schedule and the request for its jobs as JSON. This leaves an audit event.
pub(super) async fn with_job(
    state: &AppState,
    principal: &Principal,
    name: &str,
) -> Result<(ScheduleRow, String), Problem> {
    let row = seen::visible(state, principal, name).await?;
    let job = schedules::request(&row.schedule)?;
    let job = serde_json::to_string_pretty(&job).expect("a request that was JSON can be again");
    let object = Object::Schedule(name);
    state.readings().note(principal, Act::ScheduleRead, object).await?;
    Ok((row, job))
}

fn shown(session: &Session, row: &ScheduleRow, job: Option<String>) -> Response {
    let marks = &row.schedule.marks;
    let title = format!("Schedule {}", row.schedule.name);
    let frame = Frame::of(session, links::SCHEDULES, title).with_events(links::EVENTS);
    answer(StatusCode::OK, frame, |frame| One {
        frame,
        schedule: Told::from(row),
        marks: words::marks(marks.reference.as_deref(), &marks.labels),
        controls: seen::require_control(&session.principal, row).is_ok(),
        writes: session.principal.require_erasing().is_ok(),
        job,
    })
}
