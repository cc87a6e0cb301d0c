//! The warnings of a job: facts that a caller should know although nothing has failed.

use serde::{Deserialize, Serialize};
use strum::IntoStaticStr;

use crate::route::Route;

/// A warning about one table of a job, or about the job as a whole.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Warning {
    /// The kind of the warning.
    pub code: WarningCode,
    /// The target; absent: the job as a whole.
    pub target: Option<String>,
    /// The table.
    pub table: Option<String>,
}

/// The kind of a warning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, IntoStaticStr)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum WarningCode {
    /// No index helps to find the memories of the job.
    FullScan,
    /// The table's columns cannot hold a value that the job demands. The table was skipped.
    Mistyped,
    /// The job selected nothing.
    NothingSelected,
    /// A worker died or lost its lease between deleting dependent rows and recording their number: more rows
    /// were deleted than counted.
    DependentsUncounted,
    /// A hold may keep memories of the job.
    Held,
}

impl WarningCode {
    /// Returns the word used in the ledger and in answers.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// Returns a warning about a table, in the format of the job's column of warnings.
pub(in crate::ledger) fn text(code: WarningCode, route: &Route) -> String {
    let (target, table) = (Some(route.target.clone()), Some(route.table.clone()));
    serde_json::json!(Warning { code, target, table }).to_string()
}

/// Returns warnings in the same format; `None`: there are none.
pub(in crate::ledger) fn texts(warnings: &[Warning]) -> Option<String> {
    let texts: Vec<_> = warnings
        .iter()
        .map(|warning| serde_json::json!(warning).to_string())
        .collect();
    (!texts.is_empty()).then(|| texts.join(","))
}

/// Returns a warning about a whole job, in the same format.
pub(in crate::ledger) fn of_job(code: WarningCode) -> String {
    let (target, table) = (None, None);
    serde_json::json!(Warning { code, target, table }).to_string()
}
