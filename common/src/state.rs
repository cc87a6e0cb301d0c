//! The states of a job and every move between them.
//!
//! [`next`] is the only place that knows which moves exist. The ledger computes its statements from it
//! (`ledger/db/moves.rs`), so SQL and code agree.

use serde::{Deserialize, Serialize};
use strum::{EnumIter, EnumString, IntoStaticStr};

/// The state of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, EnumIter, EnumString, IntoStaticStr)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum State {
    /// Its ids are being uploaded; not accepted yet.
    Receiving,
    /// Accepted; no worker has begun.
    Queued,
    /// Its selection is being cut into partitions.
    Planning,
    /// Its partitions are being erased.
    Running,
    /// Every store is being read back.
    Verifying,
    /// A cancellation was accepted; batches that have begun are being finished.
    Cancelling,
    /// Everything else is done: only holds keep memories of it. It goes on when one of them is released.
    Held,
    /// All selected memories are gone; the read-back confirms it.
    Succeeded,
    /// A selected memory is still there, or a store could not be asked about it.
    Failed,
    /// It was cancelled; memories erased until then stay erased.
    Cancelled,
}

/// An event that may move a job to another state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EnumIter)]
pub enum Event {
    /// The last id of an upload was stored.
    Uploaded,
    /// A worker claimed a planning partition.
    PlanStarted,
    /// A worker claimed a partition that needs no plan.
    Started,
    /// All planning partitions ended, and the plan is within the job's limit.
    Planned,
    /// All partitions ended; the read-back of every store follows.
    Erased,
    /// All partitions of a dry run ended.
    Previewed,
    /// The read-back found residue, and rounds are left.
    ResidueFound,
    /// The read-back found no residue.
    Verified,
    /// Its only partition ended, and was read back before that was recorded: no residue.
    ErasedAndVerified,
    /// It cannot succeed.
    Failed,
    /// A caller requested its end.
    CancelRequested,
    /// All batches that had begun when it was cancelled are finished.
    Stopped,
    /// The read-back found no residue, and holds keep some of its memories.
    HeldBack,
    /// A hold that keeps its memories was released, expired or was replaced.
    HoldReleased,
    /// A caller requested another attempt.
    RetryRequested,
}

/// A move that does not exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a job that is {} cannot take the event {event:?}", state.as_str())]
pub struct IllegalMove {
    /// The state the job is in.
    pub state: State,
    /// The event that the state refuses.
    pub event: Event,
}

/// Returns the state that follows, or refuses the move.
pub fn next(state: State, event: Event) -> Result<State, IllegalMove> {
    use {Event as E, State as S};
    match (state, event) {
        (S::Receiving, E::Uploaded) | (S::Held, E::HoldReleased) | (S::Failed | S::Cancelled, E::RetryRequested) => {
            Ok(S::Queued)
        }
        (S::Queued, E::PlanStarted) => Ok(S::Planning),
        (S::Queued, E::Started) | (S::Planning, E::Planned) | (S::Verifying, E::ResidueFound) => Ok(S::Running),
        (S::Running, E::Erased) => Ok(S::Verifying),
        (S::Running, E::Previewed | E::ErasedAndVerified) | (S::Verifying, E::Verified) => Ok(S::Succeeded),
        // A job that is being cancelled may also fail.
        (S::Queued | S::Planning | S::Running | S::Verifying | S::Cancelling, E::Failed) => Ok(S::Failed),
        (S::Queued | S::Planning | S::Running | S::Verifying | S::Held, E::CancelRequested) => Ok(S::Cancelling),
        (S::Cancelling, E::Stopped) => Ok(S::Cancelled),
        (S::Verifying, E::HeldBack) => Ok(S::Held),
        _ => Err(IllegalMove { state, event }),
    }
}

impl State {
    /// Returns the word used in the ledger, in answers and in metric labels.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// Returns whether the job has ended.
    pub fn is_ended(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed | Self::Cancelled)
    }

    /// Returns whether no worker moves the job on: it has ended, or only the release of a hold does.
    pub fn rests(self) -> bool {
        self.is_ended() || self == Self::Held
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use strum::IntoEnumIterator as _;

    use super::*;

    #[test]
    fn only_a_retry_leads_out_of_an_ended_state() {
        for state in State::iter().filter(|state| state.is_ended()) {
            for event in Event::iter() {
                let retried = event == Event::RetryRequested && state != State::Succeeded;
                assert_eq!(next(state, event).is_ok(), retried, "{state:?} {event:?}");
            }
        }
    }

    #[test]
    fn only_a_release_or_a_cancellation_leads_out_of_a_held_state() {
        for event in Event::iter() {
            let after = next(State::Held, event).ok();
            let expected = match event {
                Event::HoldReleased => Some(State::Queued),
                Event::CancelRequested => Some(State::Cancelling),
                _ => None,
            };
            assert_eq!(after, expected, "{event:?}");
        }
        for state in State::iter() {
            let is_read_back = state == State::Verifying;
            assert_eq!(next(state, Event::HeldBack).is_ok(), is_read_back, "{state:?}");
            assert_eq!(state.rests(), state.is_ended() || state == State::Held);
        }
    }

    #[test]
    fn every_state_that_has_not_ended_can_reach_an_end() {
        for start in State::iter() {
            let mut seen = vec![start];
            let mut at = 0;
            while at < seen.len() {
                for event in Event::iter() {
                    if let Ok(after) = next(seen[at], event)
                        && !seen.contains(&after)
                    {
                        seen.push(after);
                    }
                }
                at += 1;
            }
            assert!(seen.iter().any(|state| state.is_ended()), "{start:?} is a dead end");
        }
    }

    #[test]
    fn success_is_reached_by_reading_back_or_by_a_preview_alone() {
        for state in State::iter() {
            for event in Event::iter() {
                if next(state, event) == Ok(State::Succeeded) {
                    assert!(matches!(
                        (state, event),
                        (State::Verifying, Event::Verified)
                            | (State::Running, Event::Previewed | Event::ErasedAndVerified)
                    ));
                }
            }
        }
    }

    fn event() -> impl Strategy<Value = Event> {
        prop::sample::select(Event::iter().collect::<Vec<_>>())
    }

    proptest! {
        #[test]
        fn no_sequence_of_events_leads_back_to_receiving(events in prop::collection::vec(event(), 0..60)) {
            let mut state = State::Receiving;
            for event in events {
                if let Ok(after) = next(state, event) {
                    prop_assert_ne!(after, State::Receiving);
                    state = after;
                }
            }
        }
    }
}
