//! Pages of the list of jobs.

use super::filter::JobFilter;
use super::job::JobView;
use super::walk::{BOUND, Walk};
use crate::job::JobId;
use crate::ledger::db::{Ledger, LedgerError};

/// The most jobs that are read for a page. Beyond it the next page goes on.
// Some filters together may match none of a million jobs. Reading so many takes about ten milliseconds.
const MOST: usize = 2_000;

/// A page of jobs.
#[derive(Debug, Clone)]
pub struct JobPage {
    /// The jobs, the newest first. A page that is short or empty may not be the last.
    pub jobs: Vec<JobView>,
    /// The cursor of the next page: the last job that was read, which may be one that the caller may not see. `None` on
    /// the last page.
    pub next: Option<JobId>,
}

impl Ledger {
    /// Lists jobs, the newest first.
    ///
    /// A page reads no more than two thousand jobs. If fewer of them match than are asked for, its cursor goes on.
    pub async fn jobs(&self, filter: &JobFilter) -> Result<JobPage, LedgerError> {
        let walk = Walk {
            name: "ledger::jobs",
            ways: filter.ways(false),
            filter,
            only: filter.only(BOUND),
            most: MOST,
        };
        let walked = walk.go(&self.inner).await?;
        let jobs = if walked.ids.is_empty() {
            Vec::new()
        } else {
            self.jobs_of(&walked.ids).await?
        };
        Ok(JobPage {
            jobs,
            next: walked.next,
        })
    }
}
