//! Acts on a schedule.

use axum::extract::State;
use axum::response::Response;

use crate::console::form::Posted;
use crate::console::links;
use crate::console::session::see;
use crate::http::extract::NamePath;
use crate::http::problem::Problem;
use crate::routes::schedules::{pause as pausing, preview as previewing, remove as removing};
use crate::state::AppState;

/// Pauses a schedule.
pub(in crate::console) async fn pause(
    State(state): State<AppState>,
    NamePath(name): NamePath,
    Posted { session, .. }: Posted,
) -> Result<Response, Problem> {
    pausing::set(&state, &session.principal, &name, true).await?;
    Ok(see(&links::schedule(&name)))
}

/// Lifts the pause of a schedule.
pub(in crate::console) async fn resume(
    State(state): State<AppState>,
    NamePath(name): NamePath,
    Posted { session, .. }: Posted,
) -> Result<Response, Problem> {
    pausing::set(&state, &session.principal, &name, false).await?;
    Ok(see(&links::schedule(&name)))
}

/// Submits a dry run of a schedule's job, and leads to that job.
pub(in crate::console) async fn preview(
    State(state): State<AppState>,
    NamePath(name): NamePath,
    Posted { session, .. }: Posted,
) -> Result<Response, Problem> {
    let job = previewing::accepted(&state, &session.principal, &name).await?;
    Ok(see(&links::job(job.id)))
}

/// Deletes a schedule whose name the caller has typed.
pub(in crate::console) async fn remove(
    State(state): State<AppState>,
    NamePath(name): NamePath,
    Posted { session, fields }: Posted,
) -> Result<Response, Problem> {
    if fields.value("name").trim() != name {
        return Err(Problem::invalid("name", "type the name of the schedule to delete it"));
    }
    removing::removed(&state, &session.principal, &name).await?;
    Ok(see(links::SCHEDULES))
}
