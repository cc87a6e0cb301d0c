//! Filters of lists: the jobs and schedules that a caller may see, and those that it asks for.

use std::collections::BTreeSet;

use uuid::Uuid;

use super::only::Only;
use crate::error_code::ErrorCode;
use crate::job::{JobId, SelectorKind};
use crate::ledger::types::MarkFilter;
use crate::state::State;

/// A filter for jobs or schedules, by principal and target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Whose {
    /// The jobs of all principals.
    All,
    /// The jobs of this principal.
    Of(String),
    /// The jobs of this principal, and all jobs about one of these targets alone or about several targets.
    OfOrAbout(String, BTreeSet<String>),
}

/// The deadline of a job that has not ended.
const DUE: &str = "CASE WHEN ended_at IS NULL THEN deadline_at END";

/// The greatest id. No job has it. A bound that is always there lets the database begin at the cursor.
pub(super) const LAST: JobId = JobId(Uuid::max());

impl Whose {
    /// Returns the principal of a caller that sees no jobs but its own.
    pub(super) fn own(&self) -> Option<&str> {
        match self {
            Self::Of(principal) => Some(principal),
            Self::OfOrAbout(principal, targets) if targets.is_empty() => Some(principal),
            Self::All | Self::OfOrAbout(..) => None,
        }
    }

    /// Adds the condition that a job is one of these.
    pub(super) fn restrict(&self, only: &mut Only) {
        match self {
            Self::All => {}
            Self::Of(principal) => only.add("principal = ?", Some(principal)),
            Self::OfOrAbout(principal, targets) if targets.is_empty() => only.add("principal = ?", Some(principal)),
            Self::OfOrAbout(principal, targets) => {
                let places = vec!["?"; targets.len()].join(", ");
                let condition = format!("(principal = ? OR target IS NULL OR target IN ({places}))");
                only.add_all(&condition, std::iter::once(principal).chain(targets).cloned());
            }
        }
    }
}

/// The jobs to list.
#[derive(Debug, Clone)]
pub struct JobFilter {
    /// The filter by principal and target.
    pub whose: Whose,
    /// Only jobs of this principal.
    pub principal: Option<String>,
    /// Only jobs in this state.
    pub state: Option<State>,
    /// Only jobs of this kind.
    pub kind: Option<SelectorKind>,
    /// Only jobs that name this target.
    pub target: Option<String>,
    /// Only jobs that this schedule created.
    pub schedule: Option<String>,
    /// Only jobs with this last error.
    pub error_code: Option<ErrorCode>,
    /// Only jobs with these marks.
    pub marks: MarkFilter,
    /// Only jobs created from this time on, in milliseconds since 1970. A job is created when its request comes in.
    pub created_after: Option<i64>,
    /// Only jobs created before this time.
    pub created_before: Option<i64>,
    /// Only unfinished jobs whose deadline is before this time, in milliseconds since 1970.
    pub due_before: Option<i64>,
    /// The cursor: only jobs accepted before this one.
    pub after: Option<JobId>,
    /// The most to return.
    pub limit: u32,
}

impl JobFilter {
    /// Returns the filter of the newest jobs of `whose`, at most `limit`.
    #[must_use]
    pub fn of(whose: Whose, limit: u32) -> Self {
        Self {
            whose,
            principal: None,
            state: None,
            kind: None,
            target: None,
            schedule: None,
            error_code: None,
            marks: MarkFilter::default(),
            created_after: None,
            created_before: None,
            due_before: None,
            after: None,
            limit,
        }
    }

    /// Returns the conditions that this filter has, for a statement that binds `before` values of its own.
    pub(super) fn only(&self, before: usize) -> Only {
        let mut only = Only::after(before);
        self.whose.restrict(&mut only);
        only.add("principal = ?", self.principal.as_deref());
        if let Some(state) = self.state {
            only.require(&format!("state = {{job.{}}}", state.as_str()));
        }
        only.add("kind = ?", self.kind.map(SelectorKind::as_str));
        only.add("target = ?", self.target.as_deref());
        only.add("schedule = ?", self.schedule.as_deref());
        only.add("error_code = ?", self.error_code.map(ErrorCode::as_str));
        let due = self.due_before.map(|at| at.to_string());
        only.add(&format!("{DUE} < CAST(? AS BIGINT)"), due);
        for (condition, value) in self.marks.conditions() {
            only.add(condition, value);
        }
        only
    }

    /// Returns the first id, if there is a bound, and the id before which all jobs are.
    // An id begins with the time at which it was made. So these bounds end the reading of an index.
    pub(super) fn range(&self) -> (Option<JobId>, JobId) {
        let before = self.created_before.map_or(LAST, JobId::first_at);
        let before = self.after.map_or(before, |after| after.min(before));
        (self.created_after.map(JobId::first_at), before)
    }
}
