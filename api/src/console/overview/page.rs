//! The page.

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;

use super::needs::{Need, needs};
use super::numbers::{Numbers, numbers};
use super::read::read;
use crate::console::frame::{Frame, answer};
use crate::console::links;
use crate::console::session::Session;
use crate::http::problem::Problem;
use crate::state::AppState;

/// The page.
#[derive(Template)]
#[template(path = "console/overview.html")]
struct Overview {
    frame: Frame,
    needs: Vec<Need>,
    /// The path of the jobs that failed, if older ones were not looked at.
    failed: Option<String>,
    /// Whether there are more refused schedules than were looked at.
    more_schedules: bool,
    /// The numbers of the whole service; `None` for a caller that sees only a part of it.
    numbers: Option<Numbers>,
}

/// Shows the overview.
pub(in crate::console) async fn page(state: &AppState, session: &Session) -> Result<Response, Problem> {
    let read = read(state, &session.principal).await?;
    let numbers = numbers(state, &read);
    let needs = needs(state, &session.principal, &read, numbers.as_ref());
    let failed = read.is_cut.then(|| links::jobs([("state", "failed")]));
    let more_schedules = read.schedules.as_ref().is_some_and(|schedules| schedules.is_cut);
    let frame = Frame::of(session, links::OVERVIEW, "Overview").with_events(links::EVENTS);
    Ok(answer(StatusCode::OK, frame, |frame| Overview {
        frame,
        needs,
        failed,
        more_schedules,
        numbers,
    }))
}
