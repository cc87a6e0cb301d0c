//! Holding what jobs demand against what columns hold, as workers that serve their tables say.
//!
//! As long as none has said it a job is accepted: the worker that plans it refuses it then, and touches
//! nothing (`mistyped`). Tried instead: answering 503 until one has, which refuses what is mostly right for the
//! first seconds of every start.

mod person;

use std::collections::BTreeMap;

use lethe_common::filter::Type;
use lethe_common::ledger::{NewJob, WorkerRow};

use crate::accept::QUERY;
use crate::app::AppState;
use crate::problem::Problem;
use crate::routes::{HEARD_WITHIN, found};

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
    let Some(types) = found::types(workers, &partition.route) else {
        return Ok(());
    };
    let checked = filter.check_types(&|column| of(&types, column));
    checked.map_err(|error| Problem::invalid(QUERY, error))
}

/// Returns what a column holds.
// Databases take names in either case, but for PostgreSQL, where mappings have the name as it is.
fn of(types: &BTreeMap<String, Type>, column: &str) -> Type {
    let in_another_case = || types.iter().find(|(name, _)| name.eq_ignore_ascii_case(column));
    let found = types.get(column).or_else(|| in_another_case().map(|(_, of)| of));
    found.copied().unwrap_or(Type::Any)
}
