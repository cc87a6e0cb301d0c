//! mem0's events, which are Lethe's jobs, and its ping.

use axum::Json;
use axum::extract::State;
use jiff::Timestamp;
use lethe_common::clock::from_millis;
use lethe_common::ledger::JobView;
use lethe_common::state::State as JobState;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::error::Errors;
use crate::compat::outcome::left;
use crate::compat::read::{Caller, InPath};
use crate::http::problem::{Kind, Problem};
use crate::job::visible::visible;
use crate::state::AppState;

/// A deletion as a mem0 event.
#[derive(Serialize, ToSchema)]
#[schema(as = Mem0Event, example = json!({
    "id": "0198f3a2-6a1c-7b60-9d2e-5a3c1f0e8b47", "event_type": "DELETE", "status": "SUCCEEDED",
    "payload": {}, "metadata": {}, "results": [],
    "created_at": "2026-01-31T12:00:00Z", "updated_at": "2026-01-31T12:00:00.06Z",
    "started_at": "2026-01-31T12:00:00.02Z", "completed_at": "2026-01-31T12:00:00.06Z",
    "latency": 40, "error": null,
}))]
#[expect(clippy::struct_field_names, reason = "mem0 calls them so")]
pub(crate) struct Event {
    /// The job's id.
    id: Uuid,
    /// Always `DELETE`.
    event_type: &'static str,
    /// `PENDING`, `RUNNING`, `FAILED` or `SUCCEEDED`.
    status: &'static str,
    /// Always empty: it would reveal the owner of the memories.
    payload: Empty,
    /// Always empty.
    metadata: Empty,
    /// Always empty: erased memories are not kept.
    results: [Empty; 0],
    /// The time of acceptance.
    #[schema(value_type = Option<String>, format = DateTime)]
    created_at: Option<Timestamp>,
    /// The time of the last of these: acceptance, start, end.
    #[schema(value_type = Option<String>, format = DateTime)]
    updated_at: Option<Timestamp>,
    /// The time of the start.
    #[schema(value_type = Option<String>, format = DateTime)]
    started_at: Option<Timestamp>,
    /// The time of the end.
    #[schema(value_type = Option<String>, format = DateTime)]
    completed_at: Option<Timestamp>,
    /// Milliseconds from the start to the end.
    latency: Option<i64>,
    /// The last error code, from a closed list. `held`: a hold keeps some of the memories. `conflicted`: some have changed
    /// meanwhile, and stay.
    error: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Mem0Nothing)]
struct Empty {}

/// The account that mem0's client requests before its first call.
#[derive(Serialize, ToSchema)]
#[schema(as = Mem0Ping)]
pub(crate) struct Ping {
    /// Always `lethe`: there are no organisations here.
    org_id: &'static str,
    /// Always `lethe`.
    project_id: &'static str,
    /// Always empty.
    user_email: &'static str,
}

/// Get the progress of a deletion.
#[utoipa::path(
    get,
    path = "/v1/event/{event_id}/",
    operation_id = "mem0Event",
    tag = "mem0",
    security(("token" = []), ("bearer" = [])),
    params(("event_id" = Uuid, Path, description = "The event's id, which is the job's")),
    responses((status = 200, description = "The event", body = Event), Errors),
)]
pub(crate) async fn event(
    State(state): State<AppState>,
    Caller(principal): Caller,
    InPath(id): InPath<String>,
) -> Result<Json<Event>, Problem> {
    let unknown = || Problem::new(Kind::NotFound, "Event not found!");
    let id = id.parse().map_err(|_| unknown())?;
    match visible(&state, &principal, id).await {
        Ok(job) => Ok(Json(job.into())),
        Err(problem) if problem.kind == Kind::NotFound => Err(unknown()),
        Err(problem) => Err(problem),
    }
}

/// Check the credentials of a client.
#[utoipa::path(
    get,
    path = "/v1/ping/",
    operation_id = "mem0Ping",
    tag = "mem0",
    security(("token" = []), ("bearer" = [])),
    responses(
        (status = 200, description = "The credentials are known", body = Ping,
            example = json!({"org_id": "lethe", "project_id": "lethe", "user_email": ""})),
        Errors,
    ),
)]
pub(crate) async fn ping(_caller: Caller) -> Json<Ping> {
    Json(Ping {
        org_id: "lethe",
        project_id: "lethe",
        user_email: "",
    })
}

impl From<JobView> for Event {
    fn from(job: JobView) -> Self {
        let kept = left(&job).next().map(|(outcome, _)| outcome.to_owned());
        let status = match job.state {
            JobState::Receiving | JobState::Queued => "PENDING",
            JobState::Planning | JobState::Running | JobState::Verifying | JobState::Cancelling => "RUNNING",
            // mem0's clients wait for one of the last two states. A hold may stay for years.
            JobState::Held | JobState::Failed | JobState::Cancelled => "FAILED",
            JobState::Succeeded if kept.is_some() => "FAILED",
            JobState::Succeeded => "SUCCEEDED",
        };
        let ended_at = job.ended_at.or(job.held_at);
        Self {
            id: job.id.0,
            event_type: "DELETE",
            status,
            payload: Empty {},
            metadata: Empty {},
            results: [],
            created_at: from_millis(job.accepted_at),
            updated_at: from_millis(ended_at.or(job.started_at).unwrap_or(job.accepted_at)),
            started_at: job.started_at.and_then(from_millis),
            completed_at: ended_at.and_then(from_millis),
            latency: ended_at.zip(job.started_at).map(|(ended, started)| ended - started),
            error: job.error_code.map(String::from).or(kept),
        }
    }
}
