//! The admission of all native, compatible and scheduled requests.
//!
//! The checks run in this order: column types, spellings of ids, number of unfinished jobs, in all and of the caller.
//! After them only the ledger can refuse a job. A repeated request makes no job, so no check refuses it.

use std::time::Duration;

use lethe_common::job::JobId;
use lethe_common::ledger::{Accepted, HeldRequest, JobView, NewJob, Run, ScheduleRow};

use super::accepted::{announce, just_accepted};
use super::column_types::Says;
use super::{column_types, spelling};
use crate::http::limits::backlog::request_refused;
use crate::http::limits::body_bytes::Held;
use crate::http::problem::{Kind, Problem};
use crate::state::AppState;

/// The check of a job against column types, before its acceptance.
pub(crate) enum Columns<'a> {
    /// No check here. The planning worker checks the job.
    Unasked,
    /// A check against the types that workers have reported. A refusal uses these field names.
    Known(&'a [(&'a str, &'a str)]),
    /// A check of the query against the types reported within a time limit. The function writes the refusal.
    Awaited(Duration, Says),
}

/// The result of a request for a job.
pub(crate) struct Submitted {
    pub(crate) job: JobView,
    /// Whether another request made the job.
    pub(crate) joined: bool,
}

/// Accepts a job, or returns the job that the same request made before. The job counts among those of `caller`. It
/// holds its body's bytes, `held`, until the ledger has it.
pub(crate) async fn submit(
    state: &AppState,
    caller: &str,
    mut job: NewJob,
    held: Option<Held>,
    columns: Columns<'_>,
) -> Result<Submitted, Problem> {
    let admit = async {
        check(state, &mut job, columns).await?;
        state.known_holds().warn(&mut job).await;
        state.backlog().admit(state.ledger(), caller, job.ids()).await
    };
    let admitted = admit.await;
    let added = match admitted {
        Ok(added) => added,
        Err(problem) => return earlier(state, state.ledger().made_before(&job).await?, problem).await,
    };
    let view = just_accepted(&job, state.clock().now(), state.config().deadlines.soon);
    let held = held.map(|held| Box::new(held) as Box<dyn HeldRequest>);
    let accepted = state.ledger().accept_holding(job, held).await?;
    if !matches!(accepted, Accepted::New(_)) {
        added.give_back();
    }
    settle(state, accepted, view).await
}

/// Returns the job that a refused request made before: `made`.
///
/// # Errors
/// `problem`, if it made none.
pub(crate) async fn earlier(state: &AppState, made: Option<JobId>, problem: Problem) -> Result<Submitted, Problem> {
    let Some(id) = made else {
        request_refused(&problem);
        return Err(problem);
    };
    joined(state, id).await
}

/// Accepts a job as a run of a due schedule. `next` is the next time in milliseconds since 1970.
pub(crate) async fn run(
    state: &AppState,
    due: &ScheduleRow,
    next: Option<i64>,
    mut job: NewJob,
) -> Result<Run, Problem> {
    check(state, &mut job, Columns::Unasked).await?;
    state.known_holds().warn(&mut job).await;
    let caller = &job.scope.principal;
    let added = state.backlog().admit(state.ledger(), caller, job.ids()).await?;
    let run = state.ledger().fire(due, next, &job).await?;
    if run == Run::Fired {
        announce(state, job.id, job.kind());
    } else {
        added.give_back();
    }
    Ok(run)
}

async fn check(state: &AppState, job: &mut NewJob, columns: Columns<'_>) -> Result<(), Problem> {
    match columns {
        Columns::Unasked => {}
        Columns::Known(words) => column_types::check(state, job, words).await?,
        Columns::Awaited(wait, says) => column_types::check_query(state, job, wait, says).await?,
    }
    Ok(spelling::fold(state, job).await?)
}

/// Returns the job of an acceptance: the new one in `view`, or the earlier one of the same request.
pub(crate) async fn settle(state: &AppState, accepted: Accepted, view: JobView) -> Result<Submitted, Problem> {
    match accepted {
        Accepted::New(id) => {
            announce(state, id, &view.kind);
            Ok(Submitted {
                job: view,
                joined: false,
            })
        }
        Accepted::Replay(id) => joined(state, id).await,
        Accepted::Conflict => Err(Problem::new(
            Kind::KeyReused,
            "use another idempotency key, or send the same request as before",
        )),
        Accepted::InFlight => Err(Problem::new(
            Kind::KeyInFlight,
            "the first request with this key is still running: send this again after its answer",
        )),
    }
}

/// Returns the job that another request made.
async fn joined(state: &AppState, id: JobId) -> Result<Submitted, Problem> {
    let job = state.ledger().job(id).await?;
    let forgotten = "the job that this idempotency key made was forgotten: use another key";
    let job = job.ok_or_else(|| Problem::new(Kind::Forgotten, forgotten))?;
    Ok(Submitted { job, joined: true })
}
