//! The form that writes a schedule. It shows a preview first, and stores exactly that.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use super::entered::Entered;
use super::one::with_job;
use super::preview::Preview;
use crate::console::form::Posted;
use crate::console::frame::{Frame, answer};
use crate::console::jobs;
use crate::console::links;
use crate::console::session::{Session, see};
use crate::http::extract::NamePath;
use crate::http::problem::{Kind, Problem, Whole};
use crate::routes::schedules::{put, seen};
use crate::state::AppState;

/// The page.
#[derive(Template)]
#[template(path = "console/schedule_form.html")]
struct Form {
    frame: Frame,
    entered: Entered,
    /// The tables that the caller reaches.
    tables: Vec<String>,
    preview: Option<Preview>,
    /// The reason why there is no preview.
    refused: Option<String>,
}

/// Shows the empty form.
pub(in crate::console) async fn form(State(state): State<AppState>, session: Session) -> Result<Response, Problem> {
    session.principal.require_erasing()?;
    Ok(shown(&state, &session, Entered::default(), None))
}

/// Shows the form with a stored schedule, to change it.
pub(in crate::console) async fn change(
    State(state): State<AppState>,
    NamePath(name): NamePath,
    Posted { session, .. }: Posted,
) -> Result<Response, Problem> {
    session.principal.require_erasing()?;
    let row = seen::visible(&state, &session.principal, &name).await?;
    seen::require_control(&session.principal, &row)?;
    let (row, job) = with_job(&state, &session.principal, &name).await?;
    Ok(shown(&state, &session, Entered::stored(row, job), None))
}

/// Shows the form with a preview of its schedule.
pub(in crate::console) async fn preview(
    State(state): State<AppState>,
    Posted { session, fields }: Posted,
) -> Result<Response, Problem> {
    let entered = Entered::from(&fields);
    match Box::pin(Preview::of(&state, &session.principal, &entered)).await {
        // The caller cannot correct it in this form.
        Err(problem) if !is_of_input(problem.kind) => Err(problem),
        preview => Ok(shown(&state, &session, entered, Some(preview))),
    }
}

/// Stores a schedule as it was previewed.
pub(in crate::console) async fn save(
    State(state): State<AppState>,
    Posted { session, fields }: Posted,
) -> Result<Response, Problem> {
    let record = Entered::from(&fields).checked(&state, &session.principal).await?;
    put::written(&state, &session.principal, &record, Some(fields.value("replaces"))).await?;
    Ok(see(&links::schedule(&record.name)))
}

fn is_of_input(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::Invalid | Kind::Malformed | Kind::BadQuery | Kind::NotSupported | Kind::NameTaken | Kind::TooLarge
    )
}

fn shown(state: &AppState, session: &Session, entered: Entered, preview: Option<Result<Preview, Problem>>) -> Response {
    let reached = session.principal.targets(state.config());
    let tables = reached.into_iter().flat_map(|target| {
        let tables = target.tables.iter();
        tables.map(move |table| jobs::place_of(Some(&target.name), Some(&table.name)))
    });
    let (preview, problem) = match preview.transpose() {
        Ok(preview) => (preview, None),
        Err(problem) => (None, Some(problem)),
    };
    let status = problem.as_ref().map_or(StatusCode::OK, |problem| problem.kind.status());
    let frame = Frame::of(session, links::SCHEDULES, "Write a schedule");
    let mut response = answer(status, frame, |frame| Form {
        frame,
        entered,
        tables: tables.collect(),
        preview,
        refused: problem.map(|problem| problem.detail),
    });
    response.extensions_mut().insert(Whole);
    response
}
