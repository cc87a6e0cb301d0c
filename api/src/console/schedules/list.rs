//! The list.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use super::told::Told;
use crate::console::filters::Filters;
use crate::console::frame::{Frame, answer};
use crate::console::links;
use crate::console::pages::{AFTER, Pages};
use crate::console::session::Session;
use crate::http::problem::Problem;
use crate::routes::schedules::list as listing;
use crate::state::AppState;

/// The most schedules on a page: each has an image.
const SHOWN: &str = "20";

/// The page.
#[derive(Template)]
#[template(path = "console/schedules.html")]
struct Schedules {
    frame: Frame,
    rows: Vec<Told>,
    pages: Pages,
    /// Whether the caller may write one.
    writes: bool,
}

/// Shows the schedules that the caller sees, by name.
pub(in crate::console) async fn list(
    State(state): State<AppState>,
    session: Session,
    filters: Filters,
) -> Result<Response, Problem> {
    let given = |name| (name, filters.value(name));
    let params = Filters::of([given(AFTER), given("reference"), given("label"), ("limit", SHOWN)]);
    let (rows, next) = listing::listed(&state, &session.principal, params.read()?).await?;
    let frame = Frame::of(&session, links::SCHEDULES, "Schedules").with_events(links::EVENTS);
    Ok(answer(StatusCode::OK, frame, |frame| Schedules {
        frame,
        rows: rows.iter().map(Told::from).collect(),
        pages: Pages::new(links::SCHEDULES, &filters, next.as_deref(), ("First", "More")),
        writes: session.principal.require_erasing().is_ok(),
    }))
}
