//! Holding what jobs demand against what columns hold, as workers that serve their tables say.
//!
//! As long as none has said it a job is accepted: the worker that plans it refuses it then, and touches
//! nothing (`mistyped`). Tried instead: answering 503 until one has, which refuses what is mostly right for the
//! first seconds of every start.

mod person;

use std::collections::BTreeMap;
use std::time::Duration;

use lethe_common::filter::{Filter, Mistyped, Type};
use lethe_common::ledger::{NewJob, Route, WorkerRow};
use tokio::time::{Instant, sleep};

use crate::deletion::new_job::QUERY;
use crate::http::problem::Problem;
use crate::state::AppState;
use crate::workers::{self, HEARD_WITHIN};

/// How often it is looked whether a worker has said what columns hold.
const LOOK: Duration = Duration::from_millis(100);

/// Refuses a job whose query compares a column with what it cannot hold, and one that demands a person or a place
/// that none of its tables can hold; `words` are what its fields are called.
pub(crate) async fn check(state: &AppState, job: &NewJob, words: &[(&str, &str)]) -> Result<(), Problem> {
    if job.query.is_none() && job.subject.is_none() {
        return Ok(());
    }
    let workers = state.ledger().workers(HEARD_WITHIN).await?;
    let checked = query(&workers, job).and_then(|()| person::check(state.config(), &workers, job));
    checked.map_err(|problem| problem.in_words(words))
}

fn query(workers: &[WorkerRow], job: &NewJob) -> Result<(), Problem> {
    let (Some(filter), Some(partition)) = (&job.query, job.partitions.first()) else {
        return Ok(());
    };
    let Some(types) = workers::types(workers, &partition.route) else {
        return Ok(());
    };
    compared(filter, &types).map_or(Ok(()), |error| Err(Problem::invalid(QUERY, error)))
}

/// Returns what a job's query compares with what it cannot be. Where a worker serves the table and has not said yet
/// what its columns hold, that is waited for.
pub(crate) async fn mistyped(state: &AppState, job: &NewJob, wait: Duration) -> Result<Option<Mistyped>, Problem> {
    let (Some(filter), Some(partition)) = (&job.query, job.partitions.first()) else {
        return Ok(None);
    };
    let route = &partition.route;
    let types = known(state, route, wait, |workers| workers::is_served(workers, route)).await?;
    Ok(types.and_then(|types| compared(filter, &types)))
}

/// Returns what a query compared with what it cannot be, after a worker has refused it: one that says, within `wait`,
/// what columns hold.
pub(crate) async fn refused(
    state: &AppState,
    filter: &Filter,
    route: &Route,
    wait: Duration,
) -> Result<Option<Mistyped>, Problem> {
    let types = known(state, route, wait, |_| true).await?;
    Ok(types.and_then(|types| compared(filter, &types)))
}

/// Returns what columns hold, as soon as a worker has said so, for as long as there is one to wait for.
async fn known(
    state: &AppState,
    route: &Route,
    wait: Duration,
    may_come: impl Fn(&[WorkerRow]) -> bool,
) -> Result<Option<BTreeMap<String, Type>>, Problem> {
    let target = state.config().target(&route.target);
    let table = target.and_then(|target| target.table(&route.table));
    // Points have no columns: every value has a type of its own, and no worker says one.
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
    filter.check_types(&|column| of(types, column)).err()
}

/// Returns what a column holds.
// Databases take names in either case, but for PostgreSQL, where mappings have the name as it is.
fn of(types: &BTreeMap<String, Type>, column: &str) -> Type {
    let in_another_case = || types.iter().find(|(name, _)| name.eq_ignore_ascii_case(column));
    let found = types.get(column).or_else(|| in_another_case().map(|(_, of)| of));
    found.copied().unwrap_or(Type::Any)
}
