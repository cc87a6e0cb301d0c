//! How a worker is: alive while its claim loop turns, ready while the ledger answers it.
//!
//! The claim loop is watched from outside itself, since apalis' monitor may live on without a
//! worker that works.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};

/// How long the claim loop may be silent.
// Far above what a question to the ledger takes; while all slots are busy the loop turns by itself.
const SILENCE: Duration = Duration::from_mins(2);

/// How often a claim loop that waits says that it turns.
pub(crate) const TURN: Duration = Duration::from_secs(SILENCE.as_secs() / 8);

/// How long the ledger may be silent.
const LEDGER_SILENCE: Duration = Duration::from_secs(15);

/// How a worker is.
#[derive(Debug)]
pub struct Health {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    turned: Instant,
    claimed: Option<Instant>,
    /// Whether something was claimed since the last report.
    worked: bool,
    /// Whether the ledger could not be written since the last claim.
    unwritable: bool,
    targets: Map<String, Value>,
}

impl Default for Health {
    fn default() -> Self {
        Self {
            state: Mutex::new(State {
                turned: Instant::now(),
                claimed: None,
                worked: false,
                unwritable: false,
                targets: Map::new(),
            }),
        }
    }
}

impl Health {
    /// Notes that the claim loop turns.
    pub(crate) fn turned(&self) {
        self.lock().turned = Instant::now();
    }

    /// Notes that the ledger was asked for work and answered.
    pub(crate) fn claimed(&self) {
        self.lock().claimed = Some(Instant::now());
    }

    /// Notes how a target is; returns whether that is new.
    pub(crate) fn saw(&self, target: &str, seen: Value) -> bool {
        let mut state = self.lock();
        let is_new = state.targets.get(target) != Some(&seen);
        state.targets.insert(target.to_owned(), seen);
        is_new
    }

    /// Returns how the targets are, as far as was seen.
    pub(crate) fn targets(&self) -> Map<String, Value> {
        self.lock().targets.clone()
    }

    /// Notes that the worker has something to do.
    pub(crate) fn works(&self) {
        self.lock().worked = true;
    }

    /// Returns whether it had since it was last asked.
    pub(crate) fn has_worked(&self) -> bool {
        std::mem::take(&mut self.lock().worked)
    }

    /// Notes that the ledger could not be written.
    pub(crate) fn could_not_write(&self) {
        self.lock().unwritable = true;
    }

    /// Returns whether that was so since it was last asked.
    pub(crate) fn was_unwritable(&self) -> bool {
        std::mem::take(&mut self.lock().unwritable)
    }

    /// Returns whether the claim loop turns.
    pub fn is_alive(&self) -> bool {
        self.lock().turned.elapsed() < SILENCE
    }

    /// Returns whether the ledger answers.
    pub fn is_ready(&self) -> bool {
        let state = self.lock();
        state.turned.elapsed() < SILENCE && state.claimed.is_some_and(|at| at.elapsed() < LEDGER_SILENCE)
    }

    /// Returns what a person wants to know when it is not.
    pub fn report(&self) -> Value {
        let state = self.lock();
        json!({
            "ledger": {"answered_ms_ago": state.claimed.map(|at| u64::try_from(at.elapsed().as_millis()).unwrap_or(u64::MAX))},
            "targets": state.targets,
        })
    }

    /// Makes the claim loop seem silent for too long.
    #[cfg(test)]
    pub(crate) fn was_silent(&self) {
        let long_ago = Instant::now().checked_sub(SILENCE);
        self.lock().turned = long_ago.unwrap();
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
