//! `GET /v1/jobs/{id}/events`: a job's changes as server-sent events.

use std::convert::Infallible;
use std::time::{Duration, Instant};

use axum::extract::State;
use axum::http::request::Parts;
use axum::http::{HeaderName, StatusCode};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures::{Stream, stream};
use lethe_common::job::JobId;
use lethe_common::ledger::JobView;
use tokio::time::timeout;

use crate::auth::Principal;
use crate::http::extract::JobPath;
use crate::http::limits::places::CallerSlot;
use crate::http::limits::time::within;
use crate::http::problem::Problem;
use crate::job::answer::Job;
use crate::job::visible::visible;
use crate::job::watch::Watch;
use crate::routes::answers::{NoJob, Usual};
use crate::state::AppState;

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// The interval of keep-alive messages in a silent stream; proxies usually give up after 60 s.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Watch a job until it has ended. Each change that is seen is an event `job`; its id is the job's version.
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
        (status = 200, description = "The job, once per change that is seen", content_type = "text/event-stream", body = Job),
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
    let permit = state.places().of(&principal.name).stream()?;
    let seen = parts
        .headers
        .get(LAST_EVENT_ID)
        .and_then(|version| version.to_str().ok()?.trim().parse().ok());
    let watch = Watch::new(&state, id);
    let limit = state.config().api.request_timeout;
    let job = within(limit, visible(&state, &principal, id)).await?;
    if job.state.is_ended() && seen == Some(job.version) {
        // Browsers reconnect after every end of a stream, except after a 204.
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let changes = changes(Changes {
        state,
        caller: (parts, principal),
        believed: Instant::now(),
        id,
        watch,
        // A version above the job's is invented, or belongs to another copy of the job.
        seen: seen.filter(|seen| *seen <= job.version),
        next: Some(job),
        ended: false,
        _permit: permit,
    });
    let alive = KeepAlive::new().interval(KEEP_ALIVE);
    Ok(Sse::new(changes).keep_alive(alive).into_response())
}

/// The least time between two checks of the credentials: a busy job changes many times a second.
const BELIEVED: Duration = Duration::from_secs(1);

/// The state of a stream.
struct Changes {
    state: AppState,
    caller: (Parts, Principal),
    /// The time of the last check of the caller's credentials.
    believed: Instant,
    id: JobId,
    watch: Watch,
    seen: Option<u64>,
    next: Option<JobView>,
    ended: bool,
    _permit: CallerSlot,
}

fn changes(changes: Changes) -> impl Stream<Item = Result<Event, Infallible>> {
    stream::unfold(changes, |mut changes| async move {
        let event = changes.next().await?;
        Some((Ok(event), changes))
    })
}

impl Changes {
    /// Waits for the next unseen version; `None` after the job's end, or if `look` returns `None`.
    async fn next(&mut self) -> Option<Event> {
        while !self.ended {
            let job = match self.next.take() {
                Some(job) => job,
                None => self.look().await?,
            };
            self.ended = job.state.is_ended();
            if self.seen != Some(job.version) {
                self.seen = Some(job.version);
                let event = Event::default().event("job").id(job.version.to_string());
                return Some(event.json_data(Job::from(job)).expect("a job is always JSON"));
            }
        }
        None
    }

    /// Waits for a change; `None` if the job is gone, the process stops, or the credentials are not valid any more.
    async fn look(&mut self) -> Option<JobView> {
        loop {
            let stopping = self.state.stopping().clone();
            stopping.run_until_cancelled(self.watch.changed()).await?;
            if self.believed.elapsed() >= BELIEVED {
                let (parts, principal) = &self.caller;
                if !self.state.auth().is_still(parts, principal).await {
                    return None;
                }
                self.believed = Instant::now();
            }
            let limit = self.state.config().api.request_timeout;
            match timeout(limit, self.state.ledger().job(self.id)).await {
                Ok(Ok(job)) => return job,
                // The ledger may come back: the stream is kept alive meanwhile.
                Ok(Err(error)) => tracing::debug!(error = %error, "a job could not be read"),
                Err(_) => tracing::debug!("a job was not read in time"),
            }
        }
    }
}
