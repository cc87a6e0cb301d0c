//! The error of a job that was given up: its last error, or the reason for which it was not tried.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::Value;

use super::clock::Idle;
use crate::error_code::ErrorCode;
use crate::ledger::db::{Ledger, LedgerError};

/// The least time for which a worker counts as present after a report.
// Workers report every few seconds. A worker that misses a few reports is still there.
const SILENCE: Duration = Duration::from_mins(1);

/// The reports of workers.
pub(super) struct Served {
    /// The routes that at least one worker has.
    routes: BTreeSet<String>,
    /// The outages of targets.
    down: BTreeMap<String, ErrorCode>,
}

impl Ledger {
    /// Returns the reports of workers within the last `give_up_after`.
    pub(super) async fn served(&self) -> Result<Served, LedgerError> {
        let within = self.inner.options.give_up_after.max(SILENCE);
        let (mut routes, mut down) = (BTreeSet::new(), BTreeMap::new());
        for worker in self.each_worker(within).await? {
            // An unreadable worker counts as absent, so that all jobs end.
            let worker = match worker {
                Err(error @ LedgerError::Corrupt { .. }) => {
                    tracing::error!(error = %error, "the report of a worker cannot be read: the worker counts as absent");
                    continue;
                }
                worker => worker?,
            };
            routes.extend(worker.routes);
            for (target, said) in worker.targets.as_object().into_iter().flatten() {
                if let Some(code) = outage(said) {
                    down.insert(target.clone(), code);
                }
            }
        }
        Ok(Served { routes, down })
    }
}

impl Served {
    /// Returns the error of a given-up job with partitions on `routes`; `None`: it keeps its error. `others` are idle
    /// jobs of the same targets.
    pub(super) fn code(&self, job: &Idle, routes: Option<&BTreeSet<String>>, others: &[Idle]) -> Option<ErrorCode> {
        let mut routes = routes.into_iter().flatten();
        if routes.clone().any(|route| !self.routes.contains(route)) {
            return Some(ErrorCode::Unserved);
        }
        if job.error_code.is_some() {
            return None;
        }
        // Behind an open breaker only one partition is tried, so the others met no error of their own.
        let target = |route: &String| route.split('/').next().and_then(|target| self.down.get(target));
        let met = |other: &Idle| other.error_code.as_ref()?.known().filter(|code| code.is_outage());
        let of_store = routes.find_map(target).copied();
        of_store
            .or_else(|| others.iter().find_map(met))
            .or(Some(ErrorCode::Expired))
    }
}

/// Returns the outage of a target that a worker reports: the error of a ping, else the error of the last call. A store
/// whose file is locked, or that refuses to delete, still answers pings.
fn outage(said: &Value) -> Option<ErrorCode> {
    let stores = said.get("stores")?.as_object()?;
    let pinged = stores.values().map(|store| store.get("code"));
    let met = pinged.chain([said.get("met")]).flatten();
    met.filter_map(|code| code.as_str()?.parse().ok())
        .find(|code: &ErrorCode| code.is_outage())
}
