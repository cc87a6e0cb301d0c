//! The warnings of a job.

use lethe_common::ledger::Warning;
use serde::Serialize;
use utoipa::ToSchema;

/// A condition of a job that needs attention, in one table or as a whole.
#[derive(Serialize, ToSchema)]
#[schema(as = Warning)]
pub(crate) struct WarningAnswer {
    /// `full_scan`: no index helps the search, so the database reads every row. `mistyped`: the table's columns cannot
    /// hold a value of the request (an e-mail address in a column of numbers), so the table was skipped.
    /// `nothing_selected`: nothing matched in any table. `dependents_uncounted`: a worker died or lost its lease
    /// between a deletion and its record, so `dependents` of this table is too small. `held`:
    /// when the job was accepted, a hold was in force that may keep some of its memories.
    #[schema(example = "full_scan")]
    pub(crate) code: &'static str,
    /// The target; `null` for a warning about the whole job.
    pub(crate) target: Option<String>,
    /// The table; `null` for a warning about the whole job.
    pub(crate) table: Option<String>,
}

impl From<Warning> for WarningAnswer {
    fn from(warning: Warning) -> Self {
        Self {
            code: warning.code.as_str(),
            target: warning.target,
            table: warning.table,
        }
    }
}
