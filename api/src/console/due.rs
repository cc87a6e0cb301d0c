//! The deadline of a job, for its page and for lists.

use lethe_common::ledger::Standing;
use lethe_common::receipt::ExtensionReason;

use super::words::Moment;
use crate::job::answer::{DeadlineAnswer, Job};

/// The deadline of a job.
pub(super) struct Due {
    pub(super) regulation: String,
    pub(super) at: Option<Moment>,
    /// How the job stands to it.
    pub(super) says: &'static str,
    pub(super) is_overdue: bool,
    /// When it was due before an extension.
    pub(super) extended_from: Option<Moment>,
    /// Why it was extended.
    pub(super) because: &'static str,
}

impl Due {
    /// Returns the deadline of a job, if it has one.
    pub(super) fn of(job: &Job) -> Option<Self> {
        let deadline = job.deadline.as_ref()?;
        Some(Self {
            regulation: deadline.regulation.clone(),
            at: deadline.due_at.map(Moment),
            says: says(deadline),
            is_overdue: deadline.status == Standing::Overdue.as_str(),
            extended_from: deadline.extended_from.map(Moment),
            because: deadline
                .extension
                .and_then(|word| word.parse().ok())
                .map_or("", extension),
        })
    }

    /// Returns the deadline of a job that is due soon or overdue.
    pub(super) fn that_presses(job: &Job) -> Option<Self> {
        let deadline = job.deadline.as_ref()?;
        let presses = [Standing::Soon, Standing::Overdue].map(Standing::as_str);
        presses.contains(&deadline.status).then(|| Self::of(job)).flatten()
    }
}

/// Returns the reason for an extension, in words.
pub(super) fn extension(reason: ExtensionReason) -> &'static str {
    match reason {
        ExtensionReason::Complexity => "the request is complex",
        ExtensionReason::NumberOfRequests => "there are many requests",
    }
}

/// Returns how a job stands to its deadline.
fn says(deadline: &DeadlineAnswer) -> &'static str {
    let meant = [
        (Standing::InTime, "there is time"),
        (Standing::Soon, "that is soon"),
        (Standing::Overdue, "overdue"),
        (Standing::Met, "done in time"),
        (Standing::Missed, "done too late"),
        (Standing::NotDone, "not done by this job"),
    ];
    let found = meant
        .into_iter()
        .find(|(standing, _)| standing.as_str() == deadline.status);
    found.map_or("", |(_, says)| says)
}
