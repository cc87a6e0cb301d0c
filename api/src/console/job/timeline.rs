//! The events of a job in their order, with causes and remedies.

use jiff::Timestamp;

use crate::console::cause::Cause;
use crate::console::words::{self, Moment};
use crate::job::answer::Job;

/// An event of a job.
pub(super) struct Step {
    pub(super) at: Option<Moment>,
    pub(super) what: String,
    pub(super) cause: Option<Cause>,
}

impl Step {
    fn new(at: Option<Timestamp>, what: impl Into<String>) -> Self {
        Self {
            at: at.map(Moment),
            what: what.into(),
            cause: None,
        }
    }

    fn because(self, code: Option<&str>) -> Self {
        Self {
            cause: code.map(Cause::of),
            ..self
        }
    }

    /// Returns the events that a job has had, and the next one.
    pub(super) fn all(job: &Job) -> Vec<Self> {
        let mut steps = vec![Self::new(job.accepted_at, "accepted")];
        if job.not_before > job.accepted_at {
            steps.push(Self::new(job.not_before, "may begin"));
        }
        for attempt in &job.attempts {
            let n = attempt.attempt;
            if attempt.started_at.is_some() {
                steps.push(Self::new(attempt.started_at, format!("attempt {n} started")));
            }
            if attempt.ended_at.is_some() {
                let what = format!("attempt {n} {}", attempt.state);
                steps.push(Self::new(attempt.ended_at, what).because(attempt.error_code.as_deref()));
            }
        }
        if job.attempts.is_empty() {
            if job.started_at.is_some() {
                steps.push(Self::new(job.started_at, "started"));
            }
            if job.ended_at.is_some() {
                steps.push(Self::new(job.ended_at, job.state).because(job.error_code.as_deref()));
            }
            // After a retry or a release the attempts above tell it.
            if let Some(wait) = job.waits_for.as_ref().filter(|wait| wait.reason == "hold") {
                steps.push(Self::new(wait.since, "held: only memories under holds are left"));
            }
        }
        if job.round > 0 {
            let times = words::many(job.round, "time", "times");
            let rounds = format!("reading back found memories {times}, and they were erased again");
            steps.push(Self::new(None, rounds));
        }
        if job.ended_at.is_none() && job.error_code.is_some() {
            let next = Self::new(job.next_attempt_at, "next attempt");
            steps.push(next.because(job.error_code.as_deref()));
        }
        steps
    }
}
