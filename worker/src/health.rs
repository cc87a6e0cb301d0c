//! The health of a worker: alive while its claim loop turns, ready while the ledger answers.
//!
//! Liveness comes from the claim loop itself: apalis' monitor may live on without a working worker. A busy worker claims
//! nothing, and an idle one only at each poll, so the reports of the housekeeping show in between that the ledger answers.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};

/// The longest silence of a live claim loop.
// Far longer than a query of the ledger. While all slots are busy, the loop reports every `TURN`.
const SILENCE: Duration = Duration::from_mins(2);

/// The interval at which a waiting claim loop reports that it turns.
pub(crate) const TURN: Duration = Duration::from_secs(SILENCE.as_secs() / 8);

/// The longest silence of the ledger while a worker is ready.
const LEDGER_SILENCE: Duration = Duration::from_secs(15);

/// The health of a worker.
#[derive(Debug)]
pub struct Health {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    turned: Instant,
    claims: Claims,
    /// When the ledger last answered a request for work or took a report.
    answered: Option<Instant>,
    /// Whether the worker claimed a partition since the last report.
    worked: bool,
    /// Whether a write to the ledger failed since the last claim.
    unwritable: bool,
    targets: Map<String, Value>,
}

/// The answers of the ledger to requests for work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Claims {
    /// It has answered none yet.
    Never,
    /// It answered the last one.
    Answered,
    /// It has answered none since this time.
    FailingSince(Instant),
}

impl Default for Health {
    fn default() -> Self {
        Self {
            state: Mutex::new(State {
                turned: Instant::now(),
                claims: Claims::Never,
                answered: None,
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

    /// Notes that the ledger answered a request for work.
    pub(crate) fn claimed(&self) {
        let mut state = self.lock();
        state.claims = Claims::Answered;
        state.answered = Some(Instant::now());
    }

    /// Notes that a request for work failed.
    pub(crate) fn could_not_claim(&self) {
        let mut state = self.lock();
        if state.claims == Claims::Answered {
            state.claims = Claims::FailingSince(Instant::now());
        }
    }

    /// Notes that the ledger took a report.
    pub(crate) fn reported(&self) {
        self.lock().answered = Some(Instant::now());
    }

    /// Notes the state of a target. Returns whether the state is new.
    pub(crate) fn saw(&self, target: &str, seen: Value) -> bool {
        let mut state = self.lock();
        let is_new = state.targets.get(target) != Some(&seen);
        state.targets.insert(target.to_owned(), seen);
        is_new
    }

    /// Returns the last known state of each target.
    pub(crate) fn targets(&self) -> Map<String, Value> {
        self.lock().targets.clone()
    }

    /// Notes that the worker claimed a partition.
    pub(crate) fn works(&self) {
        self.lock().worked = true;
    }

    /// Returns whether the worker claimed a partition since the last call.
    pub(crate) fn has_worked(&self) -> bool {
        std::mem::take(&mut self.lock().worked)
    }

    /// Notes that a write to the ledger failed.
    pub(crate) fn could_not_write(&self) {
        self.lock().unwritable = true;
    }

    /// Returns whether a write to the ledger failed since the last call.
    pub(crate) fn was_unwritable(&self) -> bool {
        std::mem::take(&mut self.lock().unwritable)
    }

    /// Returns whether the claim loop turns.
    pub fn is_alive(&self) -> bool {
        self.lock().turned.elapsed() < SILENCE
    }

    /// Returns whether the claim loop turns and the ledger answers, also to requests for work.
    pub fn is_ready(&self) -> bool {
        let state = self.lock();
        let is_lately = |at: Instant| at.elapsed() < LEDGER_SILENCE;
        let can_claim = match state.claims {
            Claims::Never => false,
            Claims::Answered => true,
            Claims::FailingSince(at) => is_lately(at),
        };
        state.turned.elapsed() < SILENCE && can_claim && state.answered.is_some_and(is_lately)
    }

    /// Returns the details for operators: the milliseconds since the ledger's last answer, and the targets.
    pub fn report(&self) -> Value {
        let state = self.lock();
        json!({
            "ledger": {"answered_ms_ago": state.answered.map(|at| u64::try_from(at.elapsed().as_millis()).unwrap_or(u64::MAX))},
            "targets": state.targets,
        })
    }

    /// Makes the claim loop seem silent for too long.
    #[cfg(test)]
    pub(crate) fn was_silent(&self) {
        let long_ago = Instant::now().checked_sub(SILENCE);
        self.lock().turned = long_ago.unwrap();
    }

    /// Makes the ledger seem silent for too long.
    #[cfg(test)]
    pub(crate) fn ledger_was_silent(&self) {
        self.lock().answered = Instant::now().checked_sub(LEDGER_SILENCE);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worker_that_claims_nothing_is_ready_while_the_ledger_takes_its_reports() {
        let health = Health::default();
        health.reported();
        assert!(!health.is_ready(), "it has claimed nothing yet");
        health.claimed();
        assert!(health.is_ready());
        health.ledger_was_silent();
        assert!(!health.is_ready());
        health.reported();
        assert!(health.is_ready());
    }

    #[test]
    fn a_worker_whose_claims_fail_is_not_ready_though_it_can_report() {
        let health = Health::default();
        health.claimed();
        health.could_not_claim();
        assert!(health.is_ready(), "one failure is none");
        let long_ago = Instant::now().checked_sub(LEDGER_SILENCE).unwrap();
        health.lock().claims = Claims::FailingSince(long_ago);
        health.could_not_claim();
        health.reported();
        assert!(!health.is_ready());
        health.claimed();
        assert!(health.is_ready());
    }
}
