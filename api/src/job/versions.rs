//! The versions of a job as they come, for a caller whose credentials stay valid.

use std::time::{Duration, Instant};

use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName};
use futures::{Stream, stream};
use lethe_common::job::JobId;
use lethe_common::ledger::{JobView, WaitReason};
use tokio::time::timeout;

use crate::auth::Principal;
use crate::http::limits::places::CallerSlot;
use crate::http::limits::time::within;
use crate::http::problem::Problem;
use crate::job::visible::visible;
use crate::job::watch::Watch;
use crate::state::AppState;

/// The interval of keep-alive messages in a silent stream; proxies usually give up after 60 s.
pub(crate) const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// The least time between two checks of the credentials: a busy job changes many times a second.
pub(crate) const BELIEVED: Duration = Duration::from_secs(1);

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// Returns the last version that a reconnecting client has seen.
pub(crate) fn last_seen(headers: &HeaderMap) -> Option<u64> {
    headers.get(LAST_EVENT_ID)?.to_str().ok()?.trim().parse().ok()
}

/// Returns each version of a job that is seen after the version `seen`, until the job has ended. Returns `None` if its
/// last version was seen. A version comes again if the reason for which the job waits changes: a pause changes no job.
/// The stream also ends when the process stops, or when the credentials are not valid any more.
///
/// # Errors
/// No such job, or too many streams.
pub(crate) async fn versions(
    state: AppState,
    caller: (Parts, Principal),
    id: JobId,
    seen: Option<u64>,
) -> Result<Option<impl Stream<Item = JobView>>, Problem> {
    let permit = state.places().of(&caller.1.name).stream()?;
    let watch = Watch::new(&state, id);
    let limit = state.config().api.request_timeout;
    let job = within(limit, visible(&state, &caller.1, id)).await?;
    if job.state.is_ended() && seen == Some(job.version) {
        return Ok(None);
    }
    let versions = Versions {
        state,
        caller,
        believed: Instant::now(),
        id,
        watch,
        // A version above the job's is invented, or belongs to another copy of the job.
        seen: seen.filter(|seen| *seen <= job.version),
        halted: halt(&job),
        next: Some(job),
        ended: false,
        _permit: permit,
    };
    Ok(Some(stream::unfold(versions, |mut versions| async move {
        let job = versions.next().await?;
        Some((job, versions))
    })))
}

/// The state of a stream.
struct Versions {
    state: AppState,
    caller: (Parts, Principal),
    /// The time of the last check of the caller's credentials.
    believed: Instant,
    id: JobId,
    watch: Watch,
    seen: Option<u64>,
    halted: Option<WaitReason>,
    next: Option<JobView>,
    ended: bool,
    _permit: CallerSlot,
}

/// Returns the reason for which a job waits. A job waits for its turn again and again, between any two batches.
fn halt(job: &JobView) -> Option<WaitReason> {
    let reason = job.waits_for.as_ref().map(|wait| wait.reason);
    reason.filter(|reason| *reason != WaitReason::Turn)
}

impl Versions {
    /// Waits for the next unseen version; `None` after the job's end, or if `look` returns `None`.
    async fn next(&mut self) -> Option<JobView> {
        while !self.ended {
            let job = match self.next.take() {
                Some(job) => job,
                None => self.look().await?,
            };
            self.ended = job.state.is_ended();
            let halted = halt(&job);
            let was_halted = std::mem::replace(&mut self.halted, halted);
            if self.seen != Some(job.version) || was_halted != halted {
                self.seen = Some(job.version);
                return Some(job);
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
