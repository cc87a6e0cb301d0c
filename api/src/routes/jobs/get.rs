//! `GET /v1/jobs/{id}`.

use axum::Json;
use axum::extract::State;

use crate::auth::Principal;
use crate::http::extract::JobPath;
use crate::http::problem::Problem;
use crate::job::answer::Job;
use crate::job::previewed;
use crate::job::visible::visible;
use crate::routes::answers::{NoJob, Usual};
use crate::state::AppState;

/// Read a job.
#[utoipa::path(
    get,
    path = "/v1/jobs/{id}",
    operation_id = "getJob",
    tag = "jobs",
    params(("id" = Uuid, Path, description = "The job's id")),
    responses(
        (status = 200, description = "The job", body = Job),
        NoJob,
        Usual,
    ),
)]
pub(crate) async fn get(
    State(state): State<AppState>,
    principal: Principal,
    JobPath(id): JobPath,
) -> Result<Json<Job>, Problem> {
    let job = visible(&state, &principal, id).await?;
    previewed::read(&state, &principal, job).await.map(Json)
}
