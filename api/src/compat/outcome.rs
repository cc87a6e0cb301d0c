//! How far a deletion came while its request waited, and what is answered then.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use lethe_common::job::JobId;
use lethe_common::ledger::JobView;
use lethe_common::state::State;

use crate::http::headers;
use crate::http::prefer::Prefer;
use crate::http::problem::{Kind, Problem};
use crate::job::answer;

/// How far a deletion came while its request waited.
pub(crate) enum Erasure {
    /// It has succeeded, read back.
    Done(Done),
    /// It has not ended: 202 and the job.
    Later(Response),
}

/// A deletion that ended while its request waited.
pub(crate) struct Done {
    pub(crate) job: Box<JobView>,
    pub(super) heeded: Prefer,
}

impl Done {
    /// Returns the same answer about another job.
    pub(super) fn of(self, job: JobView) -> Self {
        Self {
            job: Box::new(job),
            ..self
        }
    }

    /// Returns the system's own answer with what every answer says: the job, and what was heeded.
    pub(crate) fn answer(&self, answer: impl IntoResponse) -> Response {
        about(answer, self.job.id, self.heeded)
    }
}

/// Returns an answer with what every answer says: the job, and what was heeded.
pub(super) fn about(answer: impl IntoResponse, job: JobId, heeded: Prefer) -> Response {
    let mut response = answer.into_response();
    headers::name_job(response.headers_mut(), job);
    heeded.applied(response.headers_mut());
    response
}

/// Returns how far a job came; of one that was stopped, its problem.
pub(super) fn ended(job: JobView, heeded: Prefer) -> Result<Erasure, Problem> {
    match job.state {
        State::Succeeded | State::Failed => {
            let job = Box::new(job);
            Ok(Erasure::Done(Done { job, heeded }))
        }
        State::Cancelled | State::Held => {
            let (id, state) = (job.id, job.state.as_str());
            let detail = format!("job {id} is {state}: `GET /v1/jobs/{id}` says what was erased and what was not");
            Err(Problem::new(Kind::JobStopped, detail).about(id))
        }
        _ => Ok(Erasure::Later(answer::with_job(StatusCode::ACCEPTED, job, heeded))),
    }
}

/// Returns the problem of a job that failed: which one, and why.
pub(super) fn failed(job: &JobView) -> Problem {
    let (id, code) = (job.id, job.error_code.as_deref().unwrap_or("internal"));
    let detail = format!("job {id} failed (`{code}`): `GET /v1/jobs/{id}` says what was erased and what was not");
    Problem::new(Kind::ErasureFailed, detail).about(id)
}

/// Returns how many memories a job has erased: of one that was in two stores, once.
pub(crate) fn erased(job: &JobView) -> u64 {
    most(job, "erased")
}

/// Returns how many memories met an outcome.
// Of the stores the one with the most: a memory may be missing in one of them.
pub(crate) fn most(job: &JobView, outcome: &str) -> u64 {
    let counts = job.stores.iter().filter_map(|store| store.counts.get(outcome));
    counts.copied().max().unwrap_or(0)
}
