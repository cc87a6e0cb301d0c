//! The admission of all native, compatible and scheduled requests.
//!
//! The checks run in this order: column types, spellings of ids, number of unfinished jobs, in all and of the caller.
//! After them only the ledger can refuse a job.

use std::time::Duration;

use lethe_common::doorbell::Ring;
use lethe_common::job::JobId;
use lethe_common::ledger::{Accepted, JobView, NewJob, Run, ScheduleRow};

use super::accepted::just_accepted;
use super::column_types::Says;
use super::{column_types, spelling};
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

/// Accepts a job, or returns the job that the same request made before.
pub(crate) async fn submit(state: &AppState, job: NewJob, columns: Columns<'_>) -> Result<Submitted, Problem> {
    submit_sent(state, job, None, columns).await
}

/// Does the same with a job from a body. The job holds the bytes of the body, `held`, until it is in the ledger.
pub(crate) async fn submit_sent(
    state: &AppState,
    mut job: NewJob,
    held: Option<Held>,
    columns: Columns<'_>,
) -> Result<Submitted, Problem> {
    admit(state, &mut job, columns).await?;
    let view = just_accepted(&job, state.clock().now());
    let bytes = held.as_ref().map_or(0, Held::bytes);
    let accepted = state.ledger().accept_holding(job, bytes, held).await?;
    settle(state, accepted, view).await
}

/// Accepts a job as a run of a due schedule. `next` is the next time in milliseconds since 1970.
pub(crate) async fn run(
    state: &AppState,
    due: &ScheduleRow,
    next: Option<i64>,
    mut job: NewJob,
) -> Result<Run, Problem> {
    admit(state, &mut job, Columns::Unasked).await?;
    let run = state.ledger().fire(due, next, &job).await?;
    if run == Run::Fired {
        state.doorbell().ring(Ring::Work);
    }
    Ok(run)
}

async fn admit(state: &AppState, job: &mut NewJob, columns: Columns<'_>) -> Result<(), Problem> {
    match columns {
        Columns::Unasked => {}
        Columns::Known(words) => column_types::check(state, job, words).await?,
        Columns::Awaited(wait, says) => column_types::check_query(state, job, wait, says).await?,
    }
    spelling::fold(state, job).await?;
    let caller = &job.scope.principal;
    state.backlog().admit(state.ledger(), caller, job.ids()).await
}

/// Returns the job of an acceptance: the new one in `view`, or the earlier one of the same request.
pub(crate) async fn settle(state: &AppState, accepted: Accepted, view: JobView) -> Result<Submitted, Problem> {
    match accepted {
        Accepted::New(_) => {
            state.doorbell().ring(Ring::Work);
            Ok(Submitted {
                job: view,
                joined: false,
            })
        }
        Accepted::Replay(id) => Ok(Submitted {
            job: replayed(state, id).await?,
            joined: true,
        }),
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

async fn replayed(state: &AppState, id: JobId) -> Result<JobView, Problem> {
    let job = state.ledger().job(id).await?;
    job.ok_or_else(|| {
        Problem::new(
            Kind::Forgotten,
            "the job that this idempotency key made was forgotten: use another key",
        )
    })
}
