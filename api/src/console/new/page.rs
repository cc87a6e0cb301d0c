//! The page with the form.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use super::builder::Builder;
use super::entered::{By, Entered};
use super::inputs::{Input, Select};
use super::query::JSON;
use super::request::{MOST, PLACE, input};
use crate::console::filters::Filters;
use crate::console::frame::{Frame, answer};
use crate::console::session::Session;
use crate::console::{links, words};
use crate::http::problem::{Problem, Whole};
use crate::state::AppState;

/// The page.
#[derive(Template)]
#[template(path = "console/new.html")]
struct Page {
    frame: Frame,
    ways: Vec<Way>,
    by: &'static str,
    key: String,
    /// The reason why the caller may not erase.
    denied: Option<String>,
    /// A problem that belongs to no input.
    problem: Option<String>,
    places: Select,
    selecting: Vec<Input>,
    builder: Option<Builder>,
    restricting: Vec<Input>,
    options: Vec<Input>,
    /// Whether a file of ids is possible.
    has_file: bool,
    most: String,
}

/// A way to select memories.
struct Way {
    label: &'static str,
    path: String,
    is_current: bool,
}

/// Shows an empty form.
pub(in crate::console) async fn page(State(state): State<AppState>, session: Session, filters: Filters) -> Response {
    let entered = Entered::nothing(filters.value("by"));
    shown(&state, &session, &entered, false)
}

/// Shows the form with what was entered, and with one more condition if the caller wants one.
pub(super) fn shown(state: &AppState, session: &Session, entered: &Entered, is_more: bool) -> Response {
    written(state, session, entered, is_more, None)
}

/// Shows the form with what was entered, and what is wrong about it.
pub(super) fn refused(state: &AppState, session: &Session, entered: &Entered, problem: Problem) -> Response {
    let mut response = written(state, session, entered, false, Some(&problem));
    let extensions = response.extensions_mut();
    // The problem is on the page, and the audit trail notes it.
    extensions.insert(Whole);
    extensions.insert(problem);
    response
}

fn written(
    state: &AppState,
    session: &Session,
    entered: &Entered,
    is_more: bool,
    problem: Option<&Problem>,
) -> Response {
    let targets = session.principal.targets(state.config());
    let way = |(by, label): (By, &'static str)| Way {
        label,
        path: links::with(links::NEW, [("by", by.word())]),
        is_current: by == entered.by,
    };
    let denied = session.principal.require_erasing().err();
    let selecting = Input::selecting(entered, problem);
    let restricting = Input::restricting(entered, problem);
    let options = Input::options(entered, problem);
    let builder = (entered.by == By::Query).then(|| Builder::new(entered, &targets, is_more, problem));
    let inputs = selecting.iter().chain(&restricting).chain(&options);
    let is_shown = |field: &str| {
        let name = input(field);
        let has_builder = builder.is_some() && name == JSON;
        name == PLACE || has_builder || inputs.clone().any(|input| input.name == name)
    };
    let elsewhere = problem.filter(|problem| !problem.field.as_deref().is_some_and(is_shown));
    let elsewhere = elsewhere.map(|problem| problem.detail.clone());
    let frame = Frame::of(session, links::NEW, "New deletion");
    let status = problem.map_or(StatusCode::OK, |problem| problem.kind.status());
    answer(status, frame, |frame| Page {
        frame,
        ways: By::ALL.map(way).into(),
        by: entered.by.word(),
        key: entered.key.to_string(),
        denied: denied.map(|denied| Problem::from(denied).detail),
        problem: elsewhere,
        places: Select::places(entered, &targets, problem),
        selecting,
        builder,
        restricting,
        options,
        has_file: entered.by == By::Ids,
        most: words::count(MOST as u64),
    })
}
