//! The one admission: native, compatible and scheduled requests all end here.
//!
//! The checks come in one order: what columns hold, spellings of one id, the number of unfinished jobs. After them only
//! the ledger can refuse a job.

use std::time::Duration;

use lethe_common::doorbell::Ring;
use lethe_common::job::JobId;
use lethe_common::ledger::{Accepted, JobView, NewJob, Run, ScheduleRow};

use super::accepted::just_accepted;
use super::column_types::Says;
use super::{column_types, spelling};
use crate::http::problem::{Kind, Problem};
use crate::state::AppState;

/// How a job is compared with what columns hold, before it is accepted.
pub(crate) enum Columns<'a> {
    /// Not at all: the worker that plans the job does it.
    Unasked,
    /// With what workers have reported by now; a refusal calls fields by these words.
    Known(&'a [(&'a str, &'a str)]),
    /// The query, with what workers report within a time; a refusal is what a system says.
    Awaited(Duration, Says),
}

/// What became of a request for a job.
pub(crate) struct Submitted {
    pub(crate) job: JobView,
    /// Whether another request made the job.
    pub(crate) joined: bool,
}

/// Accepts a job, unless there is one that the same request made.
pub(crate) async fn submit(state: &AppState, mut job: NewJob, columns: Columns<'_>) -> Result<Submitted, Problem> {
    admit(state, &mut job, columns).await?;
    let view = just_accepted(&job, state.clock().now());
    let accepted = state.ledger().accept(job).await?;
    settle(state, accepted, view).await
}

/// Accepts a job as a run of a schedule that is due; `next` is its next time.
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
    state.backlog().admit(state.ledger()).await
}

/// Returns the job that an acceptance led to; `view` is the one that was asked for.
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
            "send this again when the first request with this key has been answered",
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
