//! The time at which SQLite's write-ahead log was last emptied.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The time after which the log is emptied anyway: deleted keys, schedules and uploads are not noted here.
// Shorter than the longest time between two steps of housekeeping. So the log keeps such data for a minute at most.
const MOST: Duration = Duration::from_secs(30);

/// The time at which the log was last emptied; `None` if it must be emptied now.
#[derive(Debug, Default)]
pub(in crate::ledger) struct Emptied(Mutex<Option<Instant>>);

impl Emptied {
    /// Notes that the log is empty.
    pub(in crate::ledger) fn is_now(&self) {
        self.note(Some(Instant::now()));
    }

    /// Notes that the log holds forgotten data.
    pub(in crate::ledger) fn is_over(&self) {
        self.note(None);
    }

    /// Returns whether the log must be emptied.
    pub(in crate::ledger) fn is_long_ago(&self) -> bool {
        let at = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        at.is_none_or(|at| at.elapsed() >= MOST)
    }

    fn note(&self, at: Option<Instant>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = at;
    }
}
