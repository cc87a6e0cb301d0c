//! The result of a due time of a schedule.

use strum::{EnumIter, EnumString, IntoEnumIterator as _, IntoStaticStr};

/// The result of a due time of a schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, EnumIter, EnumString, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Run {
    /// It created a job.
    Fired,
    /// The previous job had not ended.
    Skipped,
    /// Its job was refused.
    Refused,
    /// Another process took the time, or a caller changed the schedule.
    Gone,
}

impl Run {
    /// Returns the results that count as runs.
    pub fn counted() -> impl Iterator<Item = Self> {
        Self::iter().filter(|run| *run != Self::Gone)
    }

    /// Returns the word used in the ledger, in answers and in metric labels.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}
