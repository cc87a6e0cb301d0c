//! The comparison of a whole job with what workers have said.

use lethe_common::ledger::NewJob;

use super::{person, query};
use crate::http::problem::Problem;
use crate::state::AppState;
use crate::workers::HEARD_WITHIN;

/// Refuses a job whose query compares a column with what it cannot hold, and one that demands a person or a place
/// that none of its tables can hold; `words` are what its fields are called.
pub(crate) async fn check(state: &AppState, job: &NewJob, words: &[(&str, &str)]) -> Result<(), Problem> {
    if job.query.is_none() && job.subject.is_none() {
        return Ok(());
    }
    let workers = state.ledger().workers(HEARD_WITHIN).await?;
    let checked = query::check(&workers, job).and_then(|()| person::check(state.config(), &workers, job));
    checked.map_err(|problem| problem.in_words(words))
}
