//! `POST /v1/jobs/cancel`.

use axum::Json;
use axum::extract::State;

use super::act::JobAct;
use super::params::{ActParams, Asked};
use super::step::{Acted, Miscounted, acted};
use crate::auth::Principal;
use crate::http::extract::NoBody;
use crate::http::problem::Problem;
use crate::routes::answers::Usual;
use crate::routes::jobs::list::ListParams;
use crate::state::AppState;

/// Cancel all matching jobs that have not ended. Batches that have begun are finished, and erased memories stay erased.
///
/// Each request takes a page of them: repeat it with `after` until `next` is `null`.
#[utoipa::path(
    post,
    path = "/v1/jobs/cancel",
    operation_id = "cancelJobs",
    tag = "jobs",
    params(ListParams, ActParams),
    responses(
        (status = 200, description = "The results of this request, or with `dry_run` the number of jobs", body = Acted),
        Miscounted,
        Usual,
    ),
)]
pub(crate) async fn cancel(
    State(state): State<AppState>,
    principal: Principal,
    asked: Asked,
    NoBody: NoBody,
) -> Result<Json<Acted>, Problem> {
    acted(&state, &principal, JobAct::Cancel, asked).await.map(Json)
}
