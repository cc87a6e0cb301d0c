//! `PATCH /v1/jobs/{id}`.

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use lethe_common::job::JobId;
use lethe_common::ledger::{JobView, ThrottleOutcome};
use serde::{Deserialize, Deserializer};
use utoipa::ToSchema;

use super::extend::{Extend, extended};
use crate::auth::Principal;
use crate::http::body;
use crate::http::extract::JobPath;
use crate::http::problem::{Kind, Problem};
use crate::http::{json, object};
use crate::job::answer::Job;
use crate::job::changed;
use crate::job::previewed;
use crate::job::rate::Rate;
use crate::job::visible::visible;
use crate::routes::answers::{NoJob, Unread, Usual, problems};
use crate::state::AppState;

problems! {
    /// The problem of a job that cannot be changed so.
    Unchangeable {
        409 "The job has ended, or its deadline cannot be extended"
    }
}

/// The change of a job: exactly one of these fields.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(min_properties = 1, max_properties = 1)]
pub(crate) struct ChangeJob {
    /// The new pace: the most memories to erase in a second, also a fraction; `null`: no limit.
    #[serde(default, deserialize_with = "json::given")]
    #[schema(value_type = Option<f64>, exclusive_minimum = 0, maximum = 4_294_967_295_u64)]
    per_second: Option<Pace>,
    /// A later deadline.
    #[serde(default, deserialize_with = "object::given")]
    #[schema(nullable = false)]
    extend: Option<Extend>,
}

/// A pace as a change has it. A missing one is no change.
#[derive(Deserialize)]
#[serde(transparent)]
struct Pace(Option<Rate>);

/// The change of all matching jobs.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChangeJobs {
    /// The new pace: the most memories to erase in a second, also a fraction; `null`: no limit.
    #[serde(deserialize_with = "given")]
    #[schema(value_type = Option<f64>, required, exclusive_minimum = 0, maximum = 4_294_967_295_u64)]
    pub(super) per_second: Option<Rate>,
}

// By default serde reads a missing field as null, which would lift the limit.
fn given<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Rate>, D::Error> {
    Option::deserialize(from)
}

/// Change the pace of a job, or extend its deadline.
///
/// Workers keep to a new pace within a second. A deadline is extended once, before it has passed, as far as its regime
/// allows.
#[utoipa::path(
    patch,
    path = "/v1/jobs/{id}",
    operation_id = "changeJob",
    tag = "jobs",
    params(("id" = Uuid, Path, description = "The job's id")),
    request_body(content = ChangeJob, content_type = "application/json"),
    responses(
        (status = 200, description = "The job", body = Job),
        Unread,
        NoJob,
        Unchangeable,
        Usual,
    ),
)]
pub(crate) async fn change(
    State(state): State<AppState>,
    principal: Principal,
    JobPath(id): JobPath,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Job>, Problem> {
    let may = controlled(&state, &principal, id).await;
    let (change, _held): (ChangeJob, _) = body::object(
        may,
        &headers,
        body,
        &state.config().api,
        &state.places().of(&principal.name),
    )
    .await?;
    let job = match (change.per_second, change.extend) {
        (Some(Pace(pace)), None) => paced(&state, &principal, id, pace).await?,
        (None, Some(extend)) => extended(&state, &principal, id, extend).await?,
        (None, None) => return Err(Problem::invalid("the body", "give `per_second` or `extend`")),
        (Some(_), Some(_)) => {
            let what = "give only one of `per_second` and `extend`";
            return Err(Problem::invalid("the body", what));
        }
    };
    previewed::read(&state, &principal, job).await.map(Json)
}

/// Refuses a caller that does not control the job.
pub(crate) async fn controlled(state: &AppState, principal: &Principal, id: JobId) -> Result<(), Problem> {
    let job = visible(state, principal, id).await?;
    Ok(principal.require_control(&job)?)
}

/// Changes the pace of a job that the caller [controls](controlled), and returns the job as it is then. `None`: no
/// limit.
pub(crate) async fn paced(
    state: &AppState,
    principal: &Principal,
    id: JobId,
    pace: Option<Rate>,
) -> Result<JobView, Problem> {
    match state
        .ledger()
        .throttle(id, pace.map(f64::from), &principal.actor())
        .await?
    {
        ThrottleOutcome::Accepted => {
            changed::ring(state, id);
            visible(state, principal, id).await
        }
        ThrottleOutcome::Ended(ended) => Err(Problem::new(
            Kind::JobEnded,
            format!("the job is {}: there is nothing to change", ended.as_str()),
        )),
        ThrottleOutcome::Unknown => Err(Problem::unknown_job()),
    }
}
