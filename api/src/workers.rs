//! What workers say about a target: how its stores are, what does not fit its mappings, and what columns hold.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use lethe_common::config::Target;
use lethe_common::filter::Type;
use lethe_common::job::StoreKind;
use lethe_common::ledger::{Route, WorkerRow};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How recently a worker must have reported to count.
// Workers report every 5 s: two reports may be lost.
pub(crate) const HEARD_WITHIN: Duration = Duration::from_secs(15);

/// How many workers reach a store.
#[derive(Default, Serialize, ToSchema)]
pub(crate) struct StoreHealth {
    /// Workers that do.
    up: usize,
    /// Workers that do not.
    down: usize,
    /// Why, words of a closed list.
    codes: BTreeSet<String>,
}

/// What does not fit a mapping.
#[derive(Serialize, Deserialize, ToSchema, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Fault {
    /// The table.
    table: String,
    /// What it is.
    fault: String,
}

/// What all workers say about a target together.
#[derive(Default)]
pub(crate) struct TargetReport {
    pub(crate) stores: BTreeMap<String, StoreHealth>,
    pub(crate) faults: BTreeSet<Fault>,
}

/// What one worker says about it.
#[derive(Deserialize)]
struct Report {
    #[serde(default)]
    stores: BTreeMap<String, Reached>,
    #[serde(default)]
    faults: Vec<Fault>,
    /// By table and column.
    #[serde(default)]
    types: BTreeMap<String, BTreeMap<String, Type>>,
}

#[derive(Deserialize)]
struct Reached {
    up: bool,
    code: Option<String>,
}

impl TargetReport {
    /// Returns what `workers` say about the target called `name`.
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

    /// Returns whether a worker reaches a store; `None` if none has tried.
    pub(crate) fn is_up(&self, store: StoreKind) -> Option<bool> {
        self.stores.get(store.as_str()).map(|health| health.up > 0)
    }

    /// Returns whether the mappings of `target` fit; `None` where a store that is down keeps that
    /// from being seen.
    pub(crate) fn fits(&self, target: &Target) -> Option<bool> {
        if !self.faults.is_empty() {
            return Some(false);
        }
        stores(target)
            .all(|store| self.is_up(store) == Some(true))
            .then_some(true)
    }
}

/// Returns what one worker says about a target; a worker of another version may say it differently: then it
/// says nothing here.
fn said(worker: &WorkerRow, target: &str) -> Option<Report> {
    serde_json::from_value(worker.targets.get(target)?.clone()).ok()
}

/// Returns what the columns of a table hold, as far as a worker that serves it has looked.
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
