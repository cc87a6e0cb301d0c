//! The state of the service, as the ledger has it at a scrape.
//!
//! Nothing is kept between scrapes. Totals come from rows that only grow, so they survive any restart.
//! A series ends with its subject.

use std::collections::{BTreeMap, BTreeSet};

use strum::IntoEnumIterator as _;

use super::names::{self, SERVICE};
use super::text;
use crate::job::{Outcome, StoreKind};
use crate::ledger::{LogState, Pauses, Run, ServiceState, TotalRow, TotalsMetric};
use crate::state::State;

/// The number of running jobs that have series of their own.
pub const LARGEST: u32 = 20;

/// The ledger's answers at a scrape.
#[derive(Debug, Clone, Default)]
pub struct Service {
    /// `Ledger::totals`.
    pub totals: Vec<TotalRow>,
    /// `Ledger::service_state`.
    pub state: ServiceState,
    /// `Ledger::pauses`.
    pub pauses: Pauses,
    /// The number of mappings with due work and without a worker, by target.
    pub unserved: BTreeMap<String, u64>,
    /// The number of mappings that do not fit, by target, of `Ledger::seen_workers`.
    pub unfit: BTreeMap<String, u64>,
    /// The number of workers that report no more, of `Ledger::seen_workers`.
    pub gone: u64,
    /// `Ledger::log_state`.
    pub log: LogState,
    /// The number of holds in force, of `Ledger::hold_gauges`.
    pub holds: u64,
    /// The number of holds whose jobs may have to be queued again, of `Ledger::hold_gauges`.
    pub holds_unsettled: u64,
}

impl Service {
    /// Appends every metric, with zeros for configured series without events.
    pub(super) fn render(&self, stores: &[(String, StoreKind)], text: &mut String) {
        // Removed targets stay in the totals: the sums must add up.
        let mut targets: BTreeSet<&str> = stores.iter().map(|(target, _)| target.as_str()).collect();
        targets.extend(self.state.remaining.keys().map(String::as_str));
        targets.extend(self.unserved.keys().map(String::as_str));
        targets.extend(self.unfit.keys().map(String::as_str));
        for (name, kind, help) in SERVICE {
            text::begin(text, name, kind, help);
            match name {
                names::JOBS_ACCEPTED => self.total(text, name, TotalsMetric::Accepted, &[], [vec![]]),
                names::JOBS_ENDED => {
                    let ended = [State::Succeeded, State::Failed, State::Cancelled];
                    let zeros = ended.map(|state| vec![state.as_str()]);
                    self.total(text, name, TotalsMetric::Ended, &["outcome"], zeros);
                }
                names::SELECTED => self.per_store(text, name, TotalsMetric::Selected, stores),
                names::RESIDUE => self.per_store(text, name, TotalsMetric::Residue, stores),
                names::RUNS => {
                    let zeros = Run::counted().map(|run| vec![run.as_str()]);
                    self.total(text, name, TotalsMetric::Runs, &["outcome"], zeros);
                }
                names::MEMORIES => {
                    let zeros = stores.iter().flat_map(|(target, store)| {
                        Outcome::iter().map(move |outcome| vec![target.as_str(), store.as_str(), outcome.as_str()])
                    });
                    self.total(
                        text,
                        name,
                        TotalsMetric::Memories,
                        &["target", "store", "outcome"],
                        zeros,
                    );
                }
                names::JOBS => {
                    for state in State::iter().filter(|state| !state.is_ended()) {
                        let n = self.state.queue.jobs.get(state.as_str()).copied().unwrap_or(0);
                        text::sample(text, name, &[("state", state.as_str())], n);
                    }
                }
                names::JOBS_OVERDUE => text::sample(text, name, &[], self.state.queue.overdue),
                names::JOBS_DUE_SOON => text::sample(text, name, &[], self.state.queue.due_soon),
                names::OLDEST_JOB => {
                    let age = std::time::Duration::from_millis(self.state.queue.oldest_ms);
                    text::sample(text, name, &[], age.as_secs_f64());
                }
                names::REMAINING => per_target(text, name, &targets, |target| count(&self.state.remaining, target)),
                names::UNSERVED => per_target(text, name, &targets, |target| count(&self.unserved, target)),
                names::UNFIT => per_target(text, name, &targets, |target| count(&self.unfit, target)),
                names::PAUSED => per_target(text, name, &targets, |target| {
                    u64::from(self.pauses.all || self.pauses.targets.contains(target))
                }),
                names::WORKERS_GONE => text::sample(text, name, &[], self.gone),
                names::LOG_LAG => {
                    let lag = std::time::Duration::from_millis(self.log.lag_ms);
                    text::sample(text, name, &[], lag.as_secs_f64());
                }
                names::LOG_ENTRIES => text::sample(text, name, &[], self.log.entries),
                names::RECEIPTS_UNSEQUENCED => text::sample(text, name, &[], self.log.unsequenced),
                names::HOLDS => text::sample(text, name, &[], self.holds),
                names::HOLDS_UNSETTLED => text::sample(text, name, &[], self.holds_unsettled),
                names::JOB_PROGRESS => self.per_job(text, name, |job| job.progress),
                names::JOB_RATE => self.per_job(text, name, |job| job.per_second),
                _ => unreachable!("every metric of the list above has its arm"),
            }
        }
    }

    fn per_store(&self, text: &mut String, name: &str, metric: TotalsMetric, stores: &[(String, StoreKind)]) {
        let zeros = stores
            .iter()
            .map(|(target, store)| vec![target.as_str(), store.as_str()]);
        self.total(text, name, metric, &["target", "store"], zeros);
    }

    /// Writes the sums of `metric`. Its labels are those of target, store and outcome that `labels`
    /// names.
    fn total<'a>(
        &'a self,
        text: &mut String,
        name: &str,
        metric: TotalsMetric,
        labels: &[&'a str],
        zeros: impl IntoIterator<Item = Vec<&'a str>>,
    ) {
        let mut sums: BTreeMap<Vec<&str>, u64> = zeros.into_iter().map(|key| (key, 0)).collect();
        for row in self.totals.iter().filter(|row| row.metric == metric.as_str()) {
            let key = labels.iter().map(|label| match *label {
                "target" => row.target.as_str(),
                "store" => row.store.as_str(),
                _ => row.outcome.as_str(),
            });
            *sums.entry(key.collect()).or_default() += row.n;
        }
        for (key, n) in sums {
            let labels: Vec<_> = labels.iter().copied().zip(key).collect();
            text::sample(text, name, &labels, n);
        }
    }

    fn per_job(&self, text: &mut String, name: &str, value: impl Fn(&crate::ledger::Running) -> f64) {
        for job in self.state.largest.iter().take(LARGEST as usize) {
            text::sample(text, name, &[(names::JOB_ID, &job.id.to_string())], value(job));
        }
    }
}

fn per_target(text: &mut String, name: &str, targets: &BTreeSet<&str>, value: impl Fn(&str) -> u64) {
    for target in targets {
        text::sample(text, name, &[("target", target)], value(target));
    }
}

fn count(by_target: &BTreeMap<String, u64>, target: &str) -> u64 {
    by_target.get(target).copied().unwrap_or(0)
}
