//! Why a job was given up: what it met, or what kept it from being tried.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::Value;

use super::clock::Idle;
use crate::error_code::ErrorCode;
use crate::ledger::db::{Ledger, LedgerError};

/// For how long a worker is believed to be there at least.
// Workers report every few seconds; one that misses a few reports has not gone.
const SILENCE: Duration = Duration::from_mins(1);

/// What workers have said.
pub(super) struct Served {
    /// The routes that one of them has.
    routes: BTreeSet<String>,
    /// What is wrong with the stores of targets.
    down: BTreeMap<String, ErrorCode>,
}

impl Ledger {
    /// Returns what workers have said since any job could be given up.
    pub(super) async fn served(&self) -> Result<Served, LedgerError> {
        let within = self.inner.options.give_up_after.max(SILENCE);
        let (mut routes, mut down) = (BTreeSet::new(), BTreeMap::new());
        for worker in self.each_worker(within).await? {
            // It counts as absent: all jobs must end.
            let worker = match worker {
                Err(error @ LedgerError::Corrupt { .. }) => {
                    tracing::error!(error = %error, "what a worker says cannot be read");
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
    /// Returns the error of a job with partitions on `routes` that is given up; `None`: the one that it has. `others` are idle jobs
    /// of the same targets.
    pub(super) fn code(&self, job: &Idle, routes: Option<&BTreeSet<String>>, others: &[Idle]) -> Option<ErrorCode> {
        let mut routes = routes.into_iter().flatten();
        if routes.clone().any(|route| !self.routes.contains(route)) {
            return Some(ErrorCode::Unserved);
        }
        if job.error_code.is_some() {
            return None;
        }
        // Behind a breaker one partition is tried, and the others wait for it.
        let target = |route: &String| route.split('/').next().and_then(|target| self.down.get(target));
        let met = |other: &Idle| other.error_code.as_ref()?.known().filter(|code| is_outage(*code));
        let of_store = routes.find_map(target).copied();
        of_store
            .or_else(|| others.iter().find_map(met))
            .or(Some(ErrorCode::Expired))
    }
}

/// Returns what is wrong with the stores of a target, as a worker reports it: what they answer to a ping, else what a call
/// met last. A store whose file is locked, or that refuses to delete, answers pings.
fn outage(said: &Value) -> Option<ErrorCode> {
    let stores = said.get("stores")?.as_object()?;
    let pinged = stores.values().map(|store| store.get("code"));
    let met = pinged.chain([said.get("met")]).flatten();
    met.filter_map(|code| code.as_str()?.parse().ok())
        .find(|code| is_outage(*code))
}

/// Returns whether a store that answers so is down, or can be repaired by an operator only.
fn is_outage(code: ErrorCode) -> bool {
    matches!(
        code,
        ErrorCode::Unavailable
            | ErrorCode::ReadOnly
            | ErrorCode::Timeout
            | ErrorCode::Busy
            | ErrorCode::Internal
            | ErrorCode::Unauthorized
            | ErrorCode::Forbidden
            | ErrorCode::Missing
            | ErrorCode::Mapping
    )
}
