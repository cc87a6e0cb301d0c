//! `PATCH /v1/jobs`.

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;

use super::act::JobAct;
use super::params::{ActParams, Asked};
use super::step::{Acted, Miscounted, acted};
use crate::auth::Principal;
use crate::http::body;
use crate::http::problem::Problem;
use crate::routes::answers::{Unread, Usual};
use crate::routes::jobs::change::ChangeJobs;
use crate::routes::jobs::list::ListParams;
use crate::state::AppState;

/// Change the pace of all matching jobs that have not ended.
///
/// Each request takes a page of them: repeat it with `after` until `next` is `null`.
#[utoipa::path(
    patch,
    path = "/v1/jobs",
    operation_id = "changeJobs",
    tag = "jobs",
    params(ListParams, ActParams),
    request_body(content = ChangeJobs, content_type = "application/json"),
    responses(
        (status = 200, description = "The results of this request, or with `dry_run` the number of jobs", body = Acted),
        Unread,
        Miscounted,
        Usual,
    ),
)]
pub(crate) async fn pace(
    State(state): State<AppState>,
    principal: Principal,
    asked: Asked,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Acted>, Problem> {
    let (change, _held): (ChangeJobs, _) = body::object(
        principal.require_some_control(),
        &headers,
        body,
        &state.config().api,
        &state.places().of(&principal.name),
    )
    .await?;
    acted(&state, &principal, JobAct::Pace(change.per_second), asked)
        .await
        .map(Json)
}
