//! Type errors in queries: a column compared with a value that it cannot hold.

use std::collections::BTreeMap;
use std::time::Duration;

use lethe_common::config::Table;
use lethe_common::filter::{Filter, Mistyped, Type};
use lethe_common::ledger::{NewJob, Route, WorkerRow};
use tokio::time::{Instant, sleep};

use super::held::held;
use crate::deletion::new_job::QUERY;
use crate::http::problem::{Kind, Problem};
use crate::state::AppState;
use crate::workers::{self, HEARD_WITHIN};

/// Returns the problem for a type error in a query on a table.
pub(crate) type Says = fn(&Table, &Mistyped) -> Problem;

/// The pause between two looks for a worker's report of column types.
const LOOK: Duration = Duration::from_millis(100);

/// Refuses a job whose query has a type error, as far as workers have reported types.
pub(super) fn check(workers: &[WorkerRow], job: &NewJob) -> Result<(), Problem> {
    let (Some(filter), Some(partition)) = (&job.query, job.partitions.first()) else {
        return Ok(());
    };
    let Some(types) = workers::types(workers, &partition.route) else {
        return Ok(());
    };
    compared(filter, &types).map_or(Ok(()), |error| Err(Problem::invalid(QUERY, error)))
}

/// Refuses a job whose query has a type error, with the problem from `says`. It waits at most `wait` for a report.
pub(crate) async fn check_query(state: &AppState, job: &NewJob, wait: Duration, says: Says) -> Result<(), Problem> {
    let Some(error) = mistyped(state, job, wait).await? else {
        return Ok(());
    };
    let route = job.partitions.first().map(|partition| &partition.route);
    let table = route.and_then(|route| state.config().target(&route.target)?.table(&route.table));
    Err(table.map_or_else(|| Problem::usual(Kind::Internal), |table| says(table, &error)))
}

/// Returns the type error of a job's query. It waits if a worker serves the table but has not reported types yet.
async fn mistyped(state: &AppState, job: &NewJob, wait: Duration) -> Result<Option<Mistyped>, Problem> {
    let (Some(filter), Some(partition)) = (&job.query, job.partitions.first()) else {
        return Ok(None);
    };
    let route = &partition.route;
    let types = known(state, route, wait, |workers| workers::is_served(workers, route)).await?;
    Ok(types.and_then(|types| compared(filter, &types)))
}

/// Returns the type error of a query that a worker has refused. It waits at most `wait` for a report of the types.
pub(crate) async fn refused(
    state: &AppState,
    filter: &Filter,
    route: &Route,
    wait: Duration,
) -> Result<Option<Mistyped>, Problem> {
    let types = known(state, route, wait, |_| true).await?;
    Ok(types.and_then(|types| compared(filter, &types)))
}

/// Returns the column types from a worker's report. It waits at most `wait`, and only while a report `may_come`.
async fn known(
    state: &AppState,
    route: &Route,
    wait: Duration,
    may_come: impl Fn(&[WorkerRow]) -> bool,
) -> Result<Option<BTreeMap<String, Type>>, Problem> {
    let target = state.config().target(&route.target);
    let table = target.and_then(|target| target.table(&route.table));
    // Points have no columns: each value has its own type, and workers report none.
    if table.is_some_and(|table| table.columns.is_none()) {
        return Ok(None);
    }
    let until = Instant::now() + wait;
    loop {
        let workers = state.ledger().workers(HEARD_WITHIN).await?;
        let types = workers::types(&workers, route);
        if types.is_some() || !may_come(&workers) || Instant::now() >= until {
            return Ok(types);
        }
        sleep(LOOK).await;
    }
}

fn compared(filter: &Filter, types: &BTreeMap<String, Type>) -> Option<Mistyped> {
    filter.check_types(&|column| held(types, column)).err()
}
