//! The totals of the last hour, for the plots of the console.
//!
//! The ledger has only the present totals. Each process samples them by itself, in memory: a restart begins anew.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use lethe_common::job::{Outcome, StoreKind};
use lethe_common::ledger::{TotalRow, TotalsMetric};

/// The number of samples: an hour at one each half minute.
const MOST: usize = 121;

/// The totals at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sample {
    /// The time.
    pub(crate) at: Timestamp,
    /// Jobs that were accepted.
    pub(crate) accepted: u64,
    /// Jobs that ended.
    pub(crate) ended: u64,
    /// Memories that were erased, in the store that had more of them.
    pub(crate) erased: u64,
}

impl Sample {
    /// Returns the sample of totals that were read at `at`.
    pub(crate) fn of(at: Timestamp, totals: &[TotalRow]) -> Self {
        let of = |metric: TotalsMetric| sum(totals, |row| row.metric == metric.as_str());
        let erased = |store: &str| {
            sum(totals, |row| {
                let kind = (row.metric.as_str(), row.store.as_str(), row.outcome.as_str());
                kind == (TotalsMetric::Memories.as_str(), store, Outcome::Erased.as_str())
            })
        };
        Self {
            at,
            accepted: of(TotalsMetric::Accepted),
            ended: of(TotalsMetric::Ended),
            erased: u64::max(erased(StoreKind::Sql.as_str()), erased(StoreKind::Vector.as_str())),
        }
    }
}

fn sum(totals: &[TotalRow], is_meant: impl Fn(&TotalRow) -> bool) -> u64 {
    totals.iter().filter(|row| is_meant(row)).map(|row| row.n).sum()
}

/// The samples of the last hour, the oldest first.
#[derive(Default)]
pub(crate) struct History(Mutex<VecDeque<Sample>>);

impl History {
    /// Adds a sample, and drops those that are too old.
    pub(crate) fn add(&self, sample: Sample) {
        let mut samples = self.samples();
        if samples.len() == MOST {
            samples.pop_front();
        }
        samples.push_back(sample);
    }

    /// Returns all samples.
    pub(crate) fn all(&self) -> Vec<Sample> {
        self.samples().iter().copied().collect()
    }

    fn samples(&self) -> MutexGuard<'_, VecDeque<Sample>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use lethe_common::clock::Clock;

    use super::*;

    fn row(metric: TotalsMetric, store: &str, outcome: &str, n: u64) -> TotalRow {
        TotalRow {
            metric: metric.as_str().to_owned(),
            target: String::new(),
            store: store.to_owned(),
            outcome: outcome.to_owned(),
            n,
        }
    }

    #[test]
    fn a_memory_in_two_stores_counts_once() {
        let now = Clock::system().now();
        let totals = [
            row(TotalsMetric::Accepted, "", "", 5),
            row(TotalsMetric::Ended, "", "succeeded", 2),
            row(TotalsMetric::Ended, "", "failed", 1),
            row(TotalsMetric::Memories, "sql", "erased", 7),
            row(TotalsMetric::Memories, "vector", "erased", 6),
            row(TotalsMetric::Memories, "sql", "absent", 9),
        ];
        let sample = Sample::of(now, &totals);
        assert_eq!((sample.accepted, sample.ended, sample.erased), (5, 3, 7));
    }

    #[test]
    fn an_hour_is_kept() {
        let (history, now) = (History::default(), Clock::system().now());
        for n in 0..300 {
            let totals = [row(TotalsMetric::Accepted, "", "", n)];
            history.add(Sample::of(now, &totals));
        }
        let all = history.all();
        assert_eq!((all.len(), all[0].accepted, all[MOST - 1].accepted), (MOST, 179, 299));
    }
}
