//! The end of a job.

use crate::job::JobId;
use crate::state::State;

/// The end of a job, or the moment since when it is held. The process whose transaction ended it
/// [reports](crate::job_end::report) the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JobEnd {
    /// The job.
    pub id: JobId,
    /// The final state, or `held`.
    pub state: State,
    /// Milliseconds since it could have started.
    pub duration_ms: i64,
}
