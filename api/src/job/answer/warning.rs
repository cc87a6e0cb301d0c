//! Warnings.

use lethe_common::ledger::Warning;
use serde::Serialize;
use utoipa::ToSchema;

/// What is worth knowing of a job, in one table or as a whole.
#[derive(Serialize, ToSchema)]
#[schema(as = Warning)]
pub(crate) struct WarningAnswer {
    /// `full_scan`: no index helps to find what is asked for, so the database reads every row. `mistyped`: the
    /// table's columns cannot hold a value that is asked for (an e-mail in a column of numbers), so the table was
    /// skipped. `nothing_selected`: nothing matched, in no table. `dependents_uncounted`: a worker died between a
    /// deletion and its record, so `dependents` of this table is too small.
    #[schema(example = "full_scan")]
    code: &'static str,
    /// The target; `null` for what is said of the job as a whole.
    target: Option<String>,
    /// The table; `null` for what is said of the job as a whole.
    table: Option<String>,
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
