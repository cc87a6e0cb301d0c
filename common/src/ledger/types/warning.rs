//! What somebody should know of a job although nothing has failed.

use serde::{Deserialize, Serialize};
use strum::IntoStaticStr;

use crate::route::Route;

/// What a job meets, in a table or as a whole.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Warning {
    /// What it is.
    pub code: WarningCode,
    /// The target; absent: the job as a whole.
    pub target: Option<String>,
    /// The table.
    pub table: Option<String>,
}

/// What a warning says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, IntoStaticStr)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum WarningCode {
    /// No index helps to find what the job is about.
    FullScan,
    /// The table's columns cannot hold a value that the job demands: it was skipped.
    Mistyped,
    /// The job selected nothing.
    NothingSelected,
    /// A worker died, or lost its lease, after it deleted rows of dependents and before it recorded how many:
    /// more went than are counted.
    DependentsUncounted,
}

impl WarningCode {
    /// Returns the word used in the ledger and in answers.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// Returns the warning about a table as the ledger adds it to those that a job has.
pub(in crate::ledger) fn text(code: WarningCode, route: &Route) -> String {
    let (target, table) = (Some(route.target.clone()), Some(route.table.clone()));
    serde_json::json!(Warning { code, target, table }).to_string()
}

/// Returns the warning about a whole job in the same way.
pub(in crate::ledger) fn of_job(code: WarningCode) -> String {
    let (target, table) = (None, None);
    serde_json::json!(Warning { code, target, table }).to_string()
}
