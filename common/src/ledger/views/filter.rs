//! Filters of lists: the jobs and schedules that a caller may see, and those that it asks for.

use std::collections::BTreeSet;

use serde_json::{Value, json};

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

impl Whose {
    /// Returns the principal, empty for all, and the targets as the JSON array that a statement reads.
    pub(in crate::ledger) fn parts(&self) -> (&str, String) {
        let none = BTreeSet::new();
        let (principal, targets) = match self {
            Self::All => ("", &none),
            Self::Of(principal) => (principal.as_str(), &none),
            Self::OfOrAbout(principal, targets) => (principal.as_str(), targets),
        };
        let targets: Vec<Value> = targets.iter().map(|target| json!({"t": target})).collect();
        (principal, json!(targets).to_string())
    }

    /// Returns the condition of a statement that binds these [parts](Self::parts): the targets as `$1`, the principal as
    /// `$2`.
    // Alternatives that are constant would hide the index of the principal.
    pub(super) fn condition(&self) -> &'static str {
        match self {
            Self::All => "$1 = '[]' AND $2 = ''",
            Self::Of(_) => "$1 = '[]' AND principal = $2",
            Self::OfOrAbout(..) => {
                "(principal = $2 OR target IN (SELECT e.value->>'t' FROM {each})
                   OR target IS NULL AND EXISTS (SELECT 1 FROM {each}))"
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
    /// The cursor: only jobs accepted before this one.
    pub after: Option<JobId>,
    /// The most to return.
    pub limit: u32,
}

impl JobFilter {
    /// Returns the conditions that this filter has, for a statement that binds `before` values of its own.
    pub(super) fn only(&self, before: usize) -> Only {
        let mut only = Only::after(before);
        only.add("principal = ?", self.principal.as_deref());
        // A literal: a partial index serves only a statement that contains its condition.
        if let Some(state) = self.state {
            only.require(&format!("state = {{job.{}}}", state.as_str()));
        }
        only.add("kind = ?", self.kind.map(SelectorKind::as_str));
        only.add("target = ?", self.target.as_deref());
        only.add("schedule = ?", self.schedule.as_deref());
        only.add("error_code = ?", self.error_code.map(ErrorCode::as_str));
        for (condition, value) in self.marks.conditions() {
            only.add(condition, value);
        }
        // An id begins with the time at which it was made. So these bounds end the reading of the index.
        let first = |at: i64| JobId::first_at(at).to_string();
        only.add("id >= ?", self.created_after.map(first));
        only.add("id < ?", self.created_before.map(first));
        only.add("id < ?", self.after.map(|id| id.to_string()));
        only
    }
}
