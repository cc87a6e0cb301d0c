//! Holding queries against what columns hold, as workers that serve their tables say.
//!
//! As long as none has said it a query is accepted: the worker that plans it refuses it then, and touches
//! nothing (`mistyped`). Tried instead: answering 503 until one has, which refuses what is mostly right for the
//! first seconds of every start.

use lethe_common::filter::Type;
use lethe_common::ledger::NewJob;

use crate::accept::QUERY;
use crate::app::AppState;
use crate::problem::Problem;
use crate::routes::{HEARD_WITHIN, found};

/// Refuses a job whose query compares a column with what it cannot hold; `words` are what its fields are called.
pub(crate) async fn check(state: &AppState, job: &NewJob, words: &[(&str, &str)]) -> Result<(), Problem> {
    let (Some(filter), Some(partition)) = (&job.query, job.partitions.first()) else {
        return Ok(());
    };
    let workers = state.ledger().workers(HEARD_WITHIN).await?;
    let Some(types) = found::types(&workers, &partition.route) else {
        return Ok(());
    };
    // Databases take names in either case, but for PostgreSQL, where mappings have the name as it is.
    let of = |column: &str| {
        let in_another_case = || types.iter().find(|(name, _)| name.eq_ignore_ascii_case(column));
        let found = types.get(column).or_else(|| in_another_case().map(|(_, of)| of));
        found.copied().unwrap_or(Type::Any)
    };
    let checked = filter.check_types(&of);
    checked.map_err(|error| Problem::invalid(QUERY, error).in_words(words))
}
