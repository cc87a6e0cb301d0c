//! The reports of workers about a target: the health of its stores, faults of its mappings, and types of its columns.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;
use lethe_common::clock::from_millis;
use lethe_common::config::Target;
use lethe_common::filter::Type;
use lethe_common::job::StoreKind;
use lethe_common::ledger::{Route, WorkerRow};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The greatest age of a worker's last report. Workers with older reports do not count.
// Workers report every 5 s: two reports may be lost.
pub(crate) const HEARD_WITHIN: Duration = Duration::from_secs(15);

/// Returns whether a worker reports: its last report was not older than [`HEARD_WITHIN`] when it was read.
pub(crate) fn is_heard(worker: &WorkerRow) -> bool {
    let age = u64::try_from(worker.now.saturating_sub(worker.last_seen_at)).unwrap_or(0);
    Duration::from_millis(age) <= HEARD_WITHIN
}

/// The number of workers that reach a store.
#[derive(Default, Serialize, ToSchema)]
pub(crate) struct StoreHealth {
    /// Workers that reach it.
    pub(crate) up: usize,
    /// Workers that do not reach it.
    pub(crate) down: usize,
    /// The reasons, words of a closed list.
    pub(crate) codes: BTreeSet<String>,
}

/// A fault of a mapping: it does not fit the schema of a store.
#[derive(Serialize, Deserialize, ToSchema, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Fault {
    /// The table.
    pub(crate) table: String,
    /// The fault, and what to write instead.
    pub(crate) fault: String,
}

/// Errors of a target's stores in calls of workers, since the last call that succeeded.
#[derive(Serialize, ToSchema)]
#[schema(as = TargetTrouble)]
pub(crate) struct Trouble {
    /// The last error, a word of a closed list.
    #[schema(example = "unavailable")]
    pub(crate) code: String,
    /// When the first of these calls failed.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub(crate) since: Option<Timestamp>,
    /// When the first worker tries again; `null`: workers go on trying.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub(crate) next_attempt_at: Option<Timestamp>,
}

/// The reports of all workers about a target, merged.
#[derive(Default)]
pub(crate) struct TargetReport {
    pub(crate) stores: BTreeMap<String, StoreHealth>,
    pub(crate) trouble: Option<Trouble>,
    pub(crate) faults: BTreeSet<Fault>,
}

/// The report of one worker about a target.
#[derive(Deserialize)]
struct Report {
    #[serde(default)]
    stores: BTreeMap<String, Reached>,
    #[serde(default)]
    faults: Vec<Fault>,
    /// The last error of its stores, if no call has succeeded since.
    met: Option<String>,
    /// For how long there have been such errors, in milliseconds at the time of the report.
    met_for_ms: Option<i64>,
    /// The milliseconds from the report until the next attempt.
    next_in_ms: Option<i64>,
    /// The types of columns, by table and column.
    #[serde(default)]
    types: BTreeMap<String, BTreeMap<String, Type>>,
}

#[derive(Deserialize)]
struct Reached {
    up: bool,
    code: Option<String>,
}

impl Trouble {
    /// Returns it with the earlier times of both.
    fn merged(self, others: &Self) -> Self {
        let earlier = |one: Option<Timestamp>, other: Option<Timestamp>| one.into_iter().chain(other).min();
        Self {
            since: earlier(self.since, others.since),
            next_attempt_at: earlier(self.next_attempt_at, others.next_attempt_at),
            ..self
        }
    }
}

impl TargetReport {
    /// Merges the reports of `workers` about the target called `name`.
    pub(crate) fn by(workers: &[WorkerRow], name: &str) -> Self {
        let mut found = Self::default();
        for worker in workers {
            let Some(report) = said(worker, name) else {
                continue;
            };
            found.faults.extend(report.faults);
            if let Some(code) = report.met {
                let after = |ms: i64| from_millis(worker.last_seen_at.saturating_add(ms));
                let met = Trouble {
                    code,
                    since: report.met_for_ms.and_then(|ms| after(ms.saturating_neg())),
                    next_attempt_at: report.next_in_ms.and_then(after),
                };
                found.trouble = Some(match found.trouble.take() {
                    Some(others) => met.merged(&others),
                    None => met,
                });
            }
            for (store, reached) in report.stores {
                let health = found.stores.entry(store).or_default();
                if reached.up {
                    health.up += 1;
                } else {
                    health.down += 1;
                }
                health.codes.extend(reached.code);
            }
        }
        found
    }

    /// Returns whether a worker reaches a store; `None` if no worker has reported it.
    pub(crate) fn is_up(&self, store: StoreKind) -> Option<bool> {
        self.stores.get(store.as_str()).map(|health| health.up > 0)
    }

    /// Returns whether the mappings of `target` fit; `None` while a store is down or not reported.
    pub(crate) fn fits(&self, target: &Target) -> Option<bool> {
        if !self.faults.is_empty() {
            return Some(false);
        }
        stores(target)
            .all(|store| self.is_up(store) == Some(true))
            .then_some(true)
    }
}

/// Returns the report of one worker about a target; `None` if it does not parse. A worker of another version may write
/// reports differently.
fn said(worker: &WorkerRow, target: &str) -> Option<Report> {
    serde_json::from_value(worker.targets.get(target)?.clone()).ok()
}

/// Returns the types of a table's columns, from the first worker that serves the table and has reported them.
pub(crate) fn types(workers: &[WorkerRow], route: &Route) -> Option<BTreeMap<String, Type>> {
    let mut serving = workers.iter().filter(|worker| serves(worker, route));
    serving.find_map(|worker| said(worker, &route.target)?.types.remove(&route.table))
}

/// Returns whether a worker serves a table.
pub(crate) fn is_served(workers: &[WorkerRow], route: &Route) -> bool {
    workers.iter().any(|worker| serves(worker, route))
}

fn serves(worker: &WorkerRow, route: &Route) -> bool {
    worker.routes.contains(&route.to_string())
}

/// Returns the stores that a target has.
pub(crate) fn stores(target: &Target) -> impl Iterator<Item = StoreKind> {
    let sql = target.sql.as_ref().map(|_| StoreKind::Sql);
    let vector = target.vector.as_ref().map(|_| StoreKind::Vector);
    [sql, vector].into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worker_is_heard_until_its_report_is_too_old() {
        let worker = |age: i64| WorkerRow {
            name: "w".to_owned(),
            version: "1.2.3".to_owned(),
            slots: 1,
            routes: Vec::new(),
            siblings: Vec::new(),
            targets: serde_json::Value::Null,
            started_at: 0,
            last_seen_at: 100_000,
            last_claim_at: None,
            now: 100_000 + age,
        };
        // The clock of the ledger may be set back.
        for (age, heard) in [(-5_000, true), (0, true), (15_000, true), (15_001, false)] {
            assert_eq!(is_heard(&worker(age)), heard, "{age} ms");
        }
    }
}
