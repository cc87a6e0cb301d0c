//! When SQLite's write-ahead log was emptied last.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long what was deleted may stay there: keys, schedules and uploads are deleted by others.
const MOST: Duration = Duration::from_mins(1);

/// When the log was emptied last; `None`: it is to be emptied now.
#[derive(Debug, Default)]
pub(in crate::ledger) struct Emptied(Mutex<Option<Instant>>);

impl Emptied {
    /// Notes that it is empty.
    pub(in crate::ledger) fn is_now(&self) {
        self.note(Some(Instant::now()));
    }

    /// Notes that it holds what was forgotten.
    pub(in crate::ledger) fn is_over(&self) {
        self.note(None);
    }

    /// Returns whether it is to be emptied.
    pub(in crate::ledger) fn is_long_ago(&self) -> bool {
        let at = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        at.is_none_or(|at| at.elapsed() >= MOST)
    }

    fn note(&self, at: Option<Instant>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = at;
    }
}
