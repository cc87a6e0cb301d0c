//! The search for the tasks that a request selects, page by page.
//!
//! A pattern of nodes may match old tasks only. So a search reads the ids of all unfinished tasks that the caller may
//! see, whose number `api.max_queue` limits, and then the matching jobs.

use std::collections::VecDeque;

use lethe_common::job::JobId;
use lethe_common::ledger::JobView;

use super::matching::Matching;
use super::seen::is_task;
use crate::auth::Principal;
use crate::http::problem::Problem;
use crate::job::visible::within;
use crate::state::AppState;

/// The ids of a page. They have less than a megabyte.
const PAGE: u32 = 10_000;

/// The most jobs that are read together.
const JOBS: usize = 200;

/// A search, the newest tasks first.
pub(super) struct Search<'a> {
    state: &'a AppState,
    principal: &'a Principal,
    matching: &'a Matching,
    /// The matching ids of the page whose jobs have not been read.
    ids: VecDeque<JobId>,
    after: Option<JobId>,
    is_last_page: bool,
}

impl<'a> Search<'a> {
    pub(super) fn new(state: &'a AppState, principal: &'a Principal, matching: &'a Matching) -> Self {
        Self {
            state,
            principal,
            matching,
            ids: VecDeque::new(),
            after: None,
            is_last_page: matching.is_nothing(),
        }
    }

    /// Returns the next matching tasks that the caller may see, maybe none of many; `None` after the last.
    ///
    /// # Errors
    /// The ledger does not answer.
    pub(super) async fn next_jobs(&mut self) -> Result<Option<Vec<JobView>>, Problem> {
        while self.ids.is_empty() {
            if self.is_last_page {
                return Ok(None);
            }
            self.turn().await?;
        }
        let ids: Vec<JobId> = self.ids.drain(..self.ids.len().min(JOBS)).collect();
        let mut jobs = self.state.ledger().jobs_of(&ids).await?;
        // A job may have ended since its id was read. A held one is a completed task: a caller that cancels all running
        // tasks does not mean it.
        jobs.retain(|job| is_task(job) && !job.state.rests());
        within(self.state, self.principal, jobs).await.map(Some)
    }

    /// Reads the next page of ids.
    async fn turn(&mut self) -> Result<(), Problem> {
        let whose = self.principal.seen();
        let page = self.state.ledger().tasks(&whose, self.after, PAGE).await?;
        self.is_last_page = page.len() < PAGE as usize;
        self.after = page.last().copied().or(self.after);
        let matching = page.into_iter().filter(|id| self.matching.is_met_by(*id));
        self.ids.extend(matching);
        Ok(())
    }
}
