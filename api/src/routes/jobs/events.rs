//! `GET /v1/jobs/{id}/events`: a job's changes as server-sent events.

use std::io;

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures::StreamExt as _;

use crate::auth::Principal;
use crate::http::extract::JobPath;
use crate::http::problem::Problem;
use crate::job::previewed;
use crate::job::versions::{KEEP_ALIVE, last_seen, versions};
use crate::routes::answers::{JobEvents, NoJob, Usual};
use crate::state::AppState;

/// Watch a job until it has ended. Each change that is seen is an event `job`; its id is the job's version. If only
/// `waits_for` changes, such as by a pause, the version comes again.
#[utoipa::path(
    get,
    path = "/v1/jobs/{id}/events",
    operation_id = "watchJob",
    tag = "jobs",
    params(
        ("id" = Uuid, Path, description = "The job's id"),
        ("Last-Event-ID" = Option<u64>, Header, description = "The last version that was seen: it is not sent again"),
    ),
    responses(
        JobEvents,
        (status = 204, description = "The job has ended, and its last version was seen"),
        NoJob,
        Usual,
    ),
)]
pub(crate) async fn events(
    State(state): State<AppState>,
    principal: Principal,
    JobPath(id): JobPath,
    parts: Parts,
) -> Result<Response, Problem> {
    let seen = last_seen(&parts.headers);
    let caller = (parts, principal.clone());
    let Some(versions) = versions(state.clone(), caller, id, seen).await? else {
        // Browsers reconnect after every end of a stream, except after a 204.
        return Ok(StatusCode::NO_CONTENT.into_response());
    };
    let events = versions.then(move |job| {
        let (state, principal) = (state.clone(), principal.clone());
        async move {
            // Without the event of the audit trail the connection breaks, and the caller comes again.
            let job = previewed::read(&state, &principal, job).await;
            let job = job.map_err(|_| io::Error::other("the audit trail cannot be written"))?;
            let event = Event::default().event("job").id(job.version.to_string());
            Ok::<_, io::Error>(event.json_data(job).expect("a job is always JSON"))
        }
    });
    let alive = KeepAlive::new().interval(KEEP_ALIVE);
    Ok(Sse::new(events).keep_alive(alive).into_response())
}
