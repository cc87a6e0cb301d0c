//! The terminal status of a job, in the words of OpenDSR and of California's DROP.

use serde::{Deserialize, Serialize};
use strum::{EnumIter, IntoStaticStr};

use crate::state::State;

/// The status of a request as OpenDSR has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, EnumIter, IntoStaticStr)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum OpenDsr {
    /// Nothing began.
    Pending,
    /// It goes on, or a person has to act.
    InProgress,
    /// The data are gone.
    Completed,
    /// The request was withdrawn.
    Cancelled,
}

/// The terminal status of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// The state of the job.
    pub lethe: State,
    /// Its status as OpenDSR has it.
    pub opendsr: OpenDsr,
    /// Its status as California's DROP has it: 2 exempted, 3 deleted, 5 not found. None fits a failed or cancelled job, or
    /// memories that stayed without a hold.
    pub drop: Option<u8>,
}

/// Some data are exempted from deletion.
const EXEMPTED: u8 = 2;
/// The data are deleted.
const DELETED: u8 = 3;
/// No data were found.
const NOT_FOUND: u8 = 5;

impl Status {
    /// Returns the status of a job in a state, with its numbers of erased and held memories.
    pub fn of(state: State, erased: u64, held: u64) -> Self {
        Self {
            lethe: state,
            opendsr: opendsr(state),
            drop: drop_code(state, erased, held),
        }
    }

    /// Returns the status after which so many memories stayed without a hold. DROP has no word for that.
    #[must_use]
    pub fn with_stayed(self, stayed: u64) -> Self {
        let drop = self.drop.filter(|_| stayed == 0);
        Self { drop, ..self }
    }
}

/// Returns the status that OpenDSR has for a state. OpenDSR knows no failure: a failed job waits for a person.
pub fn opendsr(state: State) -> OpenDsr {
    match state {
        State::Receiving | State::Queued => OpenDsr::Pending,
        State::Planning | State::Running | State::Verifying | State::Cancelling | State::Held | State::Failed => {
            OpenDsr::InProgress
        }
        State::Succeeded => OpenDsr::Completed,
        State::Cancelled => OpenDsr::Cancelled,
    }
}

/// Returns the status that DROP has for a state, if it has one.
pub fn drop_code(state: State, erased: u64, held: u64) -> Option<u8> {
    match state {
        State::Held => Some(EXEMPTED),
        State::Succeeded if held > 0 => Some(EXEMPTED),
        State::Succeeded if erased > 0 => Some(DELETED),
        State::Succeeded => Some(NOT_FOUND),
        State::Receiving
        | State::Queued
        | State::Planning
        | State::Running
        | State::Verifying
        | State::Cancelling
        | State::Failed
        | State::Cancelled => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use strum::IntoEnumIterator;

    use super::*;

    #[test]
    fn each_ending_has_its_status() {
        for (state, erased, held, expected) in [
            (
                State::Held,
                3,
                1,
                json!({"lethe": "held", "opendsr": "in_progress", "drop": 2}),
            ),
            (
                State::Succeeded,
                3,
                0,
                json!({"lethe": "succeeded", "opendsr": "completed", "drop": 3}),
            ),
            (
                State::Succeeded,
                0,
                0,
                json!({"lethe": "succeeded", "opendsr": "completed", "drop": 5}),
            ),
            (
                State::Failed,
                3,
                0,
                json!({"lethe": "failed", "opendsr": "in_progress", "drop": null}),
            ),
            (
                State::Cancelled,
                3,
                0,
                json!({"lethe": "cancelled", "opendsr": "cancelled", "drop": null}),
            ),
        ] {
            assert_eq!(serde_json::to_value(Status::of(state, erased, held)).unwrap(), expected);
        }
    }

    #[test]
    fn memories_that_stayed_are_no_deletion() {
        for (erased, held) in [(3, 0), (0, 0), (3, 1)] {
            let status = Status::of(State::Succeeded, erased, held);
            assert_eq!(status.with_stayed(0), status);
            let stayed = status.with_stayed(1);
            assert_eq!((stayed.drop, stayed.opendsr), (None, OpenDsr::Completed));
        }
    }

    #[test]
    fn only_an_end_is_completed_or_cancelled() {
        for state in State::iter().filter(|state| !state.is_ended()) {
            assert!(
                matches!(opendsr(state), OpenDsr::Pending | OpenDsr::InProgress),
                "{state:?}"
            );
            assert_eq!(drop_code(state, 1, 0).is_some(), state == State::Held, "{state:?}");
        }
    }
}
