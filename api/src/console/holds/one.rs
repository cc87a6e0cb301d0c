//! The page of one hold.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use lethe_common::ledger::{Act, HoldRow, Object};

use super::shown::{Shown, button};
use super::told::Told;
use crate::console::form::Posted;
use crate::console::frame::{Frame, answer};
use crate::console::links;
use crate::console::session::{Session, see};
use crate::http::extract::NamePath;
use crate::http::problem::Problem;
use crate::routes::holds::{remove, seen};
use crate::state::AppState;

/// The page.
#[derive(Template)]
#[template(path = "console/hold.html")]
struct One {
    frame: Frame,
    hold: Told,
    /// The path of the list of held jobs.
    held: String,
    /// The button that shows its personal data, if it has any.
    button: Option<&'static str>,
    /// Its personal data, if a form asked for them.
    shown: Option<Shown>,
}

/// Shows a hold.
pub(in crate::console) async fn page(
    State(state): State<AppState>,
    NamePath(name): NamePath,
    session: Session,
) -> Result<Response, Problem> {
    let row = seen::visible(&state, &session.principal, &name).await?;
    Ok(with(&session, &row, None))
}

/// Shows a hold with the persons, the ids, the workspaces or the query that it names. This leaves an audit event.
pub(in crate::console) async fn show(
    State(state): State<AppState>,
    NamePath(name): NamePath,
    Posted { session, .. }: Posted,
) -> Result<Response, Problem> {
    let row = seen::visible(&state, &session.principal, &name).await?;
    let object = Object::Hold(&name);
    state.readings().note(&session.principal, Act::HoldRead, object).await?;
    Ok(with(&session, &row, Some(Shown::of(&row))))
}

/// Releases a hold whose name the caller has typed.
pub(in crate::console) async fn release(
    State(state): State<AppState>,
    NamePath(name): NamePath,
    Posted { session, fields }: Posted,
) -> Result<Response, Problem> {
    seen::allow(&session.principal)?;
    if fields.value("confirm").trim() != name {
        return Err(Problem::invalid("confirm", "type the name of the hold to release it"));
    }
    remove::released(&state, &session.principal, &name).await?;
    Ok(see(&links::hold(&name)))
}

fn with(session: &Session, row: &HoldRow, shown: Option<Shown>) -> Response {
    let title = format!("Legal hold {}", row.name);
    let frame = Frame::of(session, links::HOLDS, title).with_events(links::EVENTS);
    answer(StatusCode::OK, frame, |frame| One {
        frame,
        hold: Told::whole(row),
        held: links::jobs([("state", "held")]),
        button: button(row),
        shown,
    })
}
