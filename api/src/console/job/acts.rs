//! Acts on a job. Each leads to its page again.

use axum::extract::State;
use axum::response::Response;
use lethe_common::job::JobId;

use crate::console::form::{Fields, Posted};
use crate::console::links;
use crate::console::session::see;
use crate::http::extract::JobPath;
use crate::http::problem::Problem;
use crate::job::rate::Rate;
use crate::routes::jobs::extend::{Extend, extended};
use crate::routes::jobs::{cancel as cancelling, change, retry as retrying};
use crate::state::AppState;

/// Cancels a job.
pub(in crate::console) async fn cancel(
    State(state): State<AppState>,
    JobPath(id): JobPath,
    Posted { session, .. }: Posted,
) -> Result<Response, Problem> {
    cancelling::cancelled(&state, &session.principal, id).await?;
    Ok(again(id))
}

/// Begins another attempt of a job.
pub(in crate::console) async fn retry(
    State(state): State<AppState>,
    JobPath(id): JobPath,
    Posted { session, .. }: Posted,
) -> Result<Response, Problem> {
    retrying::retried(&state, &session.principal, id).await?;
    Ok(again(id))
}

/// Changes the pace of a job. An empty field means no limit.
pub(in crate::console) async fn pace(
    State(state): State<AppState>,
    JobPath(id): JobPath,
    Posted { session, fields }: Posted,
) -> Result<Response, Problem> {
    let pace = pace_of(&fields)?;
    change::controlled(&state, &session.principal, id).await?;
    change::paced(&state, &session.principal, id, pace).await?;
    Ok(again(id))
}

/// Extends the deadline of a job. An empty time means the latest that its regime allows.
pub(in crate::console) async fn extend(
    State(state): State<AppState>,
    JobPath(id): JobPath,
    Posted { session, fields }: Posted,
) -> Result<Response, Problem> {
    let until = fields.value("until").trim();
    let asked = Extend {
        reason: fields.value("reason").to_owned(),
        until: (!until.is_empty()).then(|| until.to_owned()),
    };
    change::controlled(&state, &session.principal, id).await?;
    extended(&state, &session.principal, id, asked).await?;
    Ok(again(id))
}

/// Reads the pace of a form.
pub(in crate::console) fn pace_of(fields: &Fields) -> Result<Option<Rate>, Problem> {
    match fields.value("per_second").trim() {
        "" => Ok(None),
        text => Rate::of_text(text).map(Some),
    }
}

fn again(id: JobId) -> Response {
    see(&links::job(id))
}
