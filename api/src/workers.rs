//! The reports of workers about a target: the health of its stores, faults of its mappings, and types of its columns.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use lethe_common::config::Target;
use lethe_common::filter::Type;
use lethe_common::job::StoreKind;
use lethe_common::ledger::{Route, WorkerRow};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The greatest age of a worker's last report. Workers with older reports do not count.
// Workers report every 5 s: two reports may be lost.
pub(crate) const HEARD_WITHIN: Duration = Duration::from_secs(15);

/// The number of workers that reach a store.
#[derive(Default, Serialize, ToSchema)]
pub(crate) struct StoreHealth {
    /// Workers that reach it.
    up: usize,
    /// Workers that do not reach it.
    down: usize,
    /// The reasons, words of a closed list.
    codes: BTreeSet<String>,
}

/// A fault of a mapping: it does not fit the schema of a store.
#[derive(Serialize, Deserialize, ToSchema, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Fault {
    /// The table.
    table: String,
    /// The fault, and what to write instead.
    fault: String,
}

/// The reports of all workers about a target, merged.
#[derive(Default)]
pub(crate) struct TargetReport {
    pub(crate) stores: BTreeMap<String, StoreHealth>,
    pub(crate) faults: BTreeSet<Fault>,
}

/// The report of one worker about a target.
#[derive(Deserialize)]
struct Report {
    #[serde(default)]
    stores: BTreeMap<String, Reached>,
    #[serde(default)]
    faults: Vec<Fault>,
    /// The types of columns, by table and column.
    #[serde(default)]
    types: BTreeMap<String, BTreeMap<String, Type>>,
}

#[derive(Deserialize)]
struct Reached {
    up: bool,
    code: Option<String>,
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
