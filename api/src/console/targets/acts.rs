//! Pauses, and their ends.

use axum::extract::State;
use axum::response::Response;

use crate::console::form::Posted;
use crate::console::links;
use crate::console::session::see;
use crate::http::extract::NamePath;
use crate::http::problem::Problem;
use crate::routes::pause::set;
use crate::state::AppState;

/// Pauses everything.
pub(in crate::console) async fn pause_all(
    State(state): State<AppState>,
    Posted { session, .. }: Posted,
) -> Result<Response, Problem> {
    set(&state, &session.principal, None, true).await?;
    Ok(see(links::TARGETS))
}

/// Lifts the pause of everything.
pub(in crate::console) async fn resume_all(
    State(state): State<AppState>,
    Posted { session, .. }: Posted,
) -> Result<Response, Problem> {
    set(&state, &session.principal, None, false).await?;
    Ok(see(links::TARGETS))
}

/// Pauses a target.
pub(in crate::console) async fn pause(
    State(state): State<AppState>,
    NamePath(name): NamePath,
    Posted { session, .. }: Posted,
) -> Result<Response, Problem> {
    set(&state, &session.principal, Some(&name), true).await?;
    Ok(see(links::TARGETS))
}

/// Lifts the pause of a target.
pub(in crate::console) async fn resume(
    State(state): State<AppState>,
    NamePath(name): NamePath,
    Posted { session, .. }: Posted,
) -> Result<Response, Problem> {
    set(&state, &session.principal, Some(&name), false).await?;
    Ok(see(links::TARGETS))
}
