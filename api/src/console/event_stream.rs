//! Server-sent events that say only that something has changed. The script then reads the page again.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures::{StreamExt as _, stream};
use lethe_common::doorbell::Listener;
use tokio::time::{Instant, sleep_until, timeout};

use super::filters::Filters;
use super::session::{Refused, Session};
use crate::auth::Principal;
use crate::http::extract::JobPath;
use crate::http::limits::places::CallerSlot;
use crate::job::versions::{KEEP_ALIVE, last_seen, versions};
use crate::state::AppState;

/// The least time between two events: each one costs the reading of a page.
const REST: Duration = Duration::from_secs(1);

/// The most time between two events. Times on pages grow old, and some changes ring for nobody.
const QUIET: Duration = Duration::from_secs(5);

/// The parameter that holds the version of the job on the page.
pub(super) const SEEN: &str = "seen";

fn changed() -> Event {
    Event::default().event("changed").data("changed")
}

/// Tells when a job has changed, until it ends.
pub(super) async fn job(
    State(state): State<AppState>,
    JobPath(id): JobPath,
    session: Session,
    filters: Filters,
    parts: Parts,
) -> Result<Response, Refused> {
    let seen = last_seen(&parts.headers).or_else(|| filters.value(SEEN).parse().ok());
    let Some(versions) = versions(state, (parts, session.principal), id, seen).await? else {
        return Ok(StatusCode::NO_CONTENT.into_response());
    };
    let events = versions.map(|job| Ok::<_, Infallible>(changed().id(job.version.to_string())));
    let alive = KeepAlive::new().interval(KEEP_ALIVE);
    Ok(Sse::new(events).keep_alive(alive).into_response())
}

/// Tells when anything has changed.
pub(super) async fn all(State(state): State<AppState>, session: Session, parts: Parts) -> Result<Response, Refused> {
    let permit = state.places().of(&session.principal.name).stream()?;
    let changes = Changes {
        rings: state.doorbell().subscribe(),
        rested: Instant::now() + REST,
        caller: (parts, session.principal),
        state,
        _permit: permit,
    };
    let events = stream::unfold(changes, |mut changes| async move {
        changes.next().await?;
        Some((Ok::<_, Infallible>(changed()), changes))
    });
    Ok(Sse::new(events).into_response())
}

/// The state of a stream about everything.
struct Changes {
    state: AppState,
    caller: (Parts, Principal),
    rings: Listener,
    rested: Instant,
    _permit: CallerSlot,
}

impl Changes {
    /// Waits for a change, or [`QUIET`]; `None` if the process stops, or the credentials are not valid any more.
    async fn next(&mut self) -> Option<()> {
        let (rings, rested) = (&mut self.rings, self.rested);
        let changed = async {
            timeout(QUIET, rings.recv()).await.ok();
            sleep_until(rested).await;
            rings.skip();
        };
        self.state.stopping().run_until_cancelled(changed).await?;
        self.rested = Instant::now() + REST;
        let (parts, principal) = &self.caller;
        self.state.auth().is_still(parts, principal).await.then_some(())
    }
}
