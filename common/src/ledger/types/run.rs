//! What came of a time of a schedule.

use strum::{EnumIter, EnumString, IntoEnumIterator as _, IntoStaticStr};

/// What came of a time of a schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, EnumIter, EnumString, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Run {
    /// It made a job.
    Fired,
    /// The job before had not ended.
    Skipped,
    /// Its job could not be accepted.
    Refused,
    /// Somebody else took the time, or changed the schedule.
    Gone,
}

impl Run {
    /// Returns what counts as a run.
    pub fn counted() -> impl Iterator<Item = Self> {
        Self::iter().filter(|run| *run != Self::Gone)
    }

    /// Returns the word used in the ledger, in answers and in metric labels.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}
