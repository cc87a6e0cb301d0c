//! The end of a job.

use crate::job::JobId;
use crate::state::State;

/// The end of a job. The process whose transaction ended it [reports](crate::job_end::report) it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JobEnd {
    /// The job.
    pub id: JobId,
    /// The final state.
    pub state: State,
    /// Milliseconds since it could have started.
    pub duration_ms: i64,
}
