//! The legal facts of a job: the ground of the erasure, and its deadline.

use std::time::Duration;

use strum::IntoStaticStr;

use crate::receipt::{ErasureGround, ExtensionReason};
use crate::state::State;

/// The legal facts of a job.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Legal {
    /// The ground of the erasure, if the request states one.
    pub ground: Option<ErasureGround>,
    /// The deadline, if a regime sets one.
    pub deadline: Option<Deadline>,
}

/// A deadline. Its times are milliseconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deadline {
    /// The regime that sets it.
    pub regulation: String,
    /// When the person's request arrived.
    pub received_at: i64,
    /// When the job is due. After an extension: the later time.
    pub due_at: i64,
    /// The extension, if there was one.
    pub extended: Option<Extended>,
}

/// An extension of a deadline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extended {
    /// When the job was due before.
    pub from: i64,
    /// Why it was extended.
    pub reason: ExtensionReason,
}

/// How a job stands to its deadline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Standing {
    /// It has not ended, and there is time.
    InTime,
    /// It has not ended, and is due soon.
    Soon,
    /// It has not ended, and its deadline has passed.
    Overdue,
    /// It succeeded before its deadline.
    Met,
    /// It succeeded, after its deadline.
    Missed,
    /// It failed or was cancelled. The person's request is not done by it.
    NotDone,
}

impl Standing {
    /// Returns the word used in answers.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

impl Deadline {
    /// Returns how a job stands to this deadline. From `soon` before it on, an unfinished job is due soon.
    pub fn standing(&self, state: State, ended_at: Option<i64>, now: i64, soon: Duration) -> Standing {
        let soon = i64::try_from(soon.as_millis()).unwrap_or(i64::MAX);
        match ended_at {
            Some(at) if state == State::Succeeded => {
                if at <= self.due_at {
                    Standing::Met
                } else {
                    Standing::Missed
                }
            }
            Some(_) => Standing::NotDone,
            None if self.due_at < now => Standing::Overdue,
            None if self.due_at.saturating_sub(soon) < now => Standing::Soon,
            None => Standing::InTime,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_stands_to_its_deadline_by_its_state_and_the_time() {
        let deadline = Deadline {
            regulation: "gdpr".to_owned(),
            received_at: 0,
            due_at: 10_000,
            extended: None,
        };
        let soon = Duration::from_secs(3);
        let open = |now| deadline.standing(State::Queued, None, now, soon);
        assert_eq!(open(7_000), Standing::InTime);
        assert_eq!(open(7_001), Standing::Soon);
        assert_eq!(open(10_000), Standing::Soon);
        assert_eq!(open(10_001), Standing::Overdue);
        let ended = |state, at| deadline.standing(state, Some(at), 99_000, soon);
        assert_eq!(ended(State::Succeeded, 10_000), Standing::Met);
        assert_eq!(ended(State::Succeeded, 10_001), Standing::Missed);
        assert_eq!(ended(State::Failed, 1), Standing::NotDone);
        assert_eq!(ended(State::Cancelled, 1), Standing::NotDone);
        assert_eq!(Standing::InTime.as_str(), "in_time");
    }
}
