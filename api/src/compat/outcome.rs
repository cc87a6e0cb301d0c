//! The progress of a deletion while its request waits, and the answers to that request.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use lethe_common::job::JobId;
use lethe_common::ledger::JobView;
use lethe_common::state::State;

use crate::http::headers;
use crate::http::prefer::Prefer;
use crate::http::problem::{Kind, Problem};
use crate::job::answer;

/// The progress of a deletion while its request waits.
pub(crate) enum Erasure {
    /// The job has ended: succeeded and read back, or, after `erase_to_the_end`, also failed, cancelled or held.
    Done(Done),
    /// The job has not ended. The answer is 202 with the job.
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

    /// Returns the system's own answer with the common headers: the job, and the applied preferences.
    pub(crate) fn answer(&self, answer: impl IntoResponse) -> Response {
        about(answer, self.job.id, self.heeded)
    }
}

/// Returns an answer with the common headers: the job, and the applied preferences.
pub(super) fn about(answer: impl IntoResponse, job: JobId, heeded: Prefer) -> Response {
    let mut response = answer.into_response();
    headers::name_job(response.headers_mut(), job);
    heeded.applied(response.headers_mut());
    response
}

/// Returns the progress of a job, or the problem of a cancelled or held one.
pub(super) fn ended(job: JobView, heeded: Prefer) -> Result<Erasure, Problem> {
    match job.state {
        State::Succeeded | State::Failed => {
            let job = Box::new(job);
            Ok(Erasure::Done(Done { job, heeded }))
        }
        State::Cancelled | State::Held => {
            let (id, state) = (job.id, job.state.as_str());
            let detail = format!("job {id} is {state}: see the erased and remaining memories with `GET /v1/jobs/{id}`");
            Err(Problem::new(Kind::JobStopped, detail).about(id))
        }
        _ => Ok(Erasure::Later(answer::with_job(StatusCode::ACCEPTED, job, heeded))),
    }
}

/// Returns the problem of a failed job, with its id and error code.
pub(super) fn failed(job: &JobView) -> Problem {
    let (id, code) = (job.id, job.error_code.as_deref().unwrap_or("internal"));
    let detail = format!("job {id} failed (`{code}`): see the erased and remaining memories with `GET /v1/jobs/{id}`");
    Problem::new(Kind::ErasureFailed, detail).about(id)
}

/// The outcomes of memories that are still there although nothing has failed.
const KEPT: [&str; 3] = ["held", "conflicted", "unverifiable"];

/// Returns the outcomes and the numbers of such memories of a job that has ended, or that only holds keep from ending.
pub(super) fn left(job: &JobView) -> impl Iterator<Item = (&'static str, u64)> {
    let counts = KEPT.into_iter().map(move |outcome| (outcome, most(job, outcome)));
    counts.filter(move |(_, n)| *n > 0 && job.state.rests())
}

/// Returns the problem of a job that has left such memories. Other systems' words for success and absence would hide
/// them.
pub(super) fn kept(job: &JobView) -> Option<Problem> {
    // A cancelled job has a problem of its own.
    let (first, _) = left(job).next().filter(|_| job.state != State::Cancelled)?;
    let words: Vec<String> = left(job).map(|(outcome, n)| format!("{outcome} {n}")).collect();
    let (id, words) = (job.id, words.join(", "));
    let detail = format!("job {id} left memories ({words}): see them with `GET /v1/jobs/{id}/items?outcome={first}`");
    Some(Problem::new(Kind::JobStopped, detail).about(id))
}

/// Returns how many memories a job has erased. A memory in two stores counts once.
pub(crate) fn erased(job: &JobView) -> u64 {
    most(job, "erased")
}

/// Returns how many memories have an outcome.
// The store with the highest count decides: a memory may be missing in the other.
pub(crate) fn most(job: &JobView, outcome: &str) -> u64 {
    let counts = job.stores.iter().filter_map(|store| store.counts.get(outcome));
    counts.copied().max().unwrap_or(0)
}
