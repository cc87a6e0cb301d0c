//! The numbers of the service as a whole.

use std::time::Duration;

use jiff::SignedDuration;
use lethe_common::state::State as JobState;
use strum::IntoEnumIterator as _;

use super::read::Read;
use crate::console::plot::{Line, Plot};
use crate::console::{links, words};
use crate::history::Sample;
use crate::state::AppState;

/// The numbers of the service as a whole.
pub(super) struct Numbers {
    /// The unfinished jobs, by state.
    pub(super) states: Vec<InState>,
    /// The time for which the oldest unfinished job could have run.
    pub(super) oldest: Duration,
    /// The unfinished jobs whose deadline has passed.
    pub(super) overdue: u64,
    /// The unfinished jobs that are due soon.
    pub(super) due_soon: u64,
    /// The list of jobs that are due soon or overdue.
    pub(super) due_path: String,
    pub(super) workers: usize,
    /// The names of the workers that have gone without signing off.
    pub(super) gone: Vec<String>,
    pub(super) slots: String,
    /// The plots of the last hour, as soon as there are two samples.
    pub(super) plots: Vec<Plot>,
}

/// The number of jobs in a state.
pub(super) struct InState {
    pub(super) state: &'static str,
    pub(super) jobs: String,
    pub(super) path: String,
}

impl Numbers {
    pub(super) fn oldest_for(&self) -> String {
        words::span(self.oldest)
    }
}

/// Returns the numbers; `None` for a caller that may not read all of them.
pub(super) fn numbers(state: &AppState, read: &Read) -> Option<Numbers> {
    let (queue, operation) = (read.queue.as_ref()?, read.operation.as_ref()?);
    let shown = JobState::iter().filter(|state| !state.is_ended() && *state != JobState::Receiving);
    let states = shown.map(JobState::as_str).map(|state| InState {
        state,
        jobs: words::count(queue.jobs.get(state).copied().unwrap_or(0)),
        path: links::jobs([("state", state)]),
    });
    Some(Numbers {
        states: states.collect(),
        oldest: Duration::from_millis(queue.oldest_ms),
        overdue: queue.overdue,
        due_soon: queue.due_soon,
        due_path: due_path(state),
        workers: operation.heard.len(),
        gone: operation.gone.iter().map(|worker| worker.name.clone()).collect(),
        slots: words::count(operation.heard.iter().map(|worker| worker.slots).sum()),
        plots: plots(&state.history().all()),
    })
}

/// Returns the path of the list of jobs that are due soon or overdue.
fn due_path(state: &AppState) -> String {
    let soon = SignedDuration::try_from(state.config().deadlines.soon).unwrap_or(SignedDuration::MAX);
    let before = state.clock().now().saturating_add(soon);
    let before = before.map(|at| at.to_string()).unwrap_or_default();
    links::jobs([("due_before", before.as_str())])
}

/// Returns the plots of samples, the newest last.
fn plots(samples: &[Sample]) -> Vec<Plot> {
    let (Some(first), Some(last)) = (samples.first(), samples.last()) else {
        return Vec::new();
    };
    let per_second = |of: fn(&Sample) -> u64| -> Vec<f64> {
        let steps = samples.windows(2).filter_map(|pair| match pair {
            [before, after] => rate(of(before), of(after), after.at.duration_since(before.at).as_secs_f64()),
            _ => None,
        });
        steps.collect()
    };
    let line = |label, class, of: fn(&Sample) -> u64| Line {
        label,
        class,
        values: per_second(of),
    };
    let jobs = vec![
        line("accepted", "a", |sample| sample.accepted),
        line("ended", "b", |sample| sample.ended),
    ];
    let memories = vec![line("erased", "a", |sample| sample.erased)];
    if memories.iter().all(|line| line.values.is_empty()) {
        return Vec::new();
    }
    let span = Duration::try_from(last.at.duration_since(first.at)).unwrap_or_default();
    let from = format!("{} ago", words::span(span));
    vec![
        Plot::new("jobs", "Jobs a second", from.clone(), jobs, words::rate),
        Plot::new("memories", "Memories a second", from, memories, words::rate),
    ]
}

/// Returns the growth of a total a second; `None` if no time has passed.
fn rate(before: u64, after: u64, seconds: f64) -> Option<f64> {
    #[expect(clippy::cast_precision_loss, reason = "a plot needs no more than 52 bits")]
    let grown = after.saturating_sub(before) as f64;
    (seconds > 0.0).then(|| grown / seconds)
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    #[test]
    fn a_plot_needs_two_samples() {
        let at: Timestamp = "2030-01-31T12:00:00Z".parse().unwrap();
        let sample = |seconds, accepted| Sample {
            at: at + SignedDuration::from_secs(seconds),
            accepted,
            ended: 0,
            erased: 0,
        };
        assert!(plots(&[]).is_empty());
        assert!(plots(&[sample(0, 1)]).is_empty());
        assert!(plots(&[sample(0, 1), sample(0, 2)]).is_empty(), "no time has passed");
        assert_eq!(plots(&[sample(0, 1), sample(30, 61)]).len(), 2);
        assert_eq!(rate(1, 61, 30.0), Some(2.0));
    }
}
