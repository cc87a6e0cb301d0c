//! Accepting a deletion for another system's client, and waiting for it.

use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use lethe_common::doorbell::Ring;
use lethe_common::job::Subject;
use lethe_common::ledger::{Accepted, JobView};
use lethe_common::state::State;
use tokio::time::timeout;

use crate::accept;
use crate::answer::{self, just_accepted};
use crate::app::AppState;
use crate::auth::Principal;
use crate::prefer::Prefer;
use crate::problem::{Kind, Problem};
use crate::request::Options;
use crate::watch;

/// What a client of another system wants erased.
pub(crate) enum What {
    /// These memories.
    Ids(Vec<String>),
    /// Everything of somebody or something.
    Subject(Subject),
}

/// Whose memories, and where; what is absent is not demanded, or follows from who asks.
#[derive(Default)]
pub(crate) struct Place {
    pub(crate) target: Option<String>,
    pub(crate) table: Option<String>,
    pub(crate) owner: Option<String>,
    pub(crate) workspace: Option<String>,
}

/// How far a deletion came while its request waited.
pub(crate) enum Erasure {
    /// It has succeeded, read back.
    Done(JobView),
    /// It has not ended: 202 and the job.
    Later(Response),
}

impl From<&lethe_common::config::Place> for Place {
    fn from(place: &lethe_common::config::Place) -> Self {
        Self {
            target: place.target.clone(),
            table: place.table.clone(),
            ..Self::default()
        }
    }
}

/// Accepts a deletion, without waiting.
///
/// # Errors
/// Whatever can be refused is; nothing was touched then.
pub(crate) async fn accept(
    state: &AppState,
    principal: &Principal,
    headers: &HeaderMap,
    route: &'static str,
    place: Place,
    what: What,
) -> Result<JobView, Problem> {
    let options = Options {
        target: place.target,
        table: place.table,
        owner: place.owner,
        workspace: place.workspace,
        ..Options::default()
    };
    let mut job = match what {
        What::Ids(ids) => accept::by_ids(state.config(), principal, &options, ids)?,
        What::Subject(subject) => accept::by_subject(state.config(), principal, &options, subject)?,
    };
    job.scope.route = route;
    job.trace = accept::trace(headers);
    let within = state.config().api.request_timeout;
    let view = just_accepted(&job, state.clock().now());
    let accepted = timeout(within, async {
        state.backlog().admit(state.ledger()).await?;
        Ok::<_, Problem>(state.ledger().accept(job).await?)
    });
    match accepted.await.map_err(|_| Problem::usual(Kind::Slow))?? {
        Accepted::New(_) => {
            state.doorbell().ring(Ring::Work);
            Ok(view)
        }
        // Without an idempotency key every job is new.
        _ => Err(Problem::usual(Kind::Internal)),
    }
}

/// Accepts a deletion, and waits for its end as long as the configuration and the caller have it.
///
/// # Errors
/// Besides refusals: [`Kind::ErasureFailed`] and [`Kind::JobStopped`], about a job that has ended
/// otherwise than as a success. Part erased is never success.
pub(crate) async fn erase(
    state: &AppState,
    principal: &Principal,
    headers: &HeaderMap,
    route: &'static str,
    place: Place,
    what: What,
) -> Result<Erasure, Problem> {
    let job = accept(state, principal, headers, route, place, what).await?;
    let asked = Prefer::read(headers, state.config().api.max_wait);
    let wait = match asked.wait {
        _ if asked.respond_async => None,
        None => Some(state.config().compat.wait),
        wait => wait,
    };
    let waiting = Prefer {
        wait: wait.filter(|wait| !wait.is_zero()),
        ..asked
    };
    let (job, _) = watch::as_preferred(state, job, waiting).await;
    match job.state {
        State::Succeeded => Ok(Erasure::Done(job)),
        State::Failed => Err(Problem::usual(Kind::ErasureFailed).about(job.id)),
        State::Cancelled | State::Held => Err(Problem::usual(Kind::JobStopped).about(job.id)),
        _ => Ok(Erasure::Later(answer::with_job(StatusCode::ACCEPTED, job, asked))),
    }
}

/// Returns how many memories a job has erased: of one that was in two stores, once.
// Of the stores the one with the most: a memory may be missing in one of them.
pub(crate) fn erased(job: &JobView) -> u64 {
    let counts = job.stores.iter().filter_map(|store| store.counts.get("erased"));
    counts.copied().max().unwrap_or(0)
}
