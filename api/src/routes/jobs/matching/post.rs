//! `POST /v1/jobs/cancel` and `POST /v1/jobs/retry`. These requests have no body, and differ only in the act.

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

/// Makes the route of an act from its description, its name, its path, its operation and the act.
macro_rules! route {
    ($(#[doc = $about:tt])+ $name:ident, $path:tt, $operation:tt, $act:ident) => {
        $(#[doc = $about])+
        #[utoipa::path(
            post,
            path = $path,
            operation_id = $operation,
            tag = "jobs",
            params(ListParams, ActParams),
            responses(
                (status = 200, description = "The results of this request, or with `dry_run` the number of jobs", body = Acted),
                Miscounted,
                Usual,
            ),
        )]
        pub(crate) async fn $name(
            State(state): State<AppState>,
            principal: Principal,
            asked: Asked,
            NoBody: NoBody,
        ) -> Result<Json<Acted>, Problem> {
            acted(&state, &principal, JobAct::$act, asked).await.map(Json)
        }
    };
}

route! {
    /// Cancel all matching jobs that have not ended. Batches that have begun are finished, and erased memories stay erased.
    ///
    /// Each request takes a page of them: repeat it with `after` until `next` is `null`.
    cancel, "/v1/jobs/cancel", "cancelJobs", Cancel
}

route! {
    /// Retry all matching jobs that failed, or with `state=cancelled` those that were cancelled. Each new attempt begins with the memories that are left.
    ///
    /// Each request takes a page of them: repeat it with `after` until `next` is `null`.
    retry, "/v1/jobs/retry", "retryJobs", Retry
}
