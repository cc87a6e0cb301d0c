//! The check of a whole job against the column types that workers report.

use lethe_common::ledger::NewJob;

use super::{person, query};
use crate::http::problem::Problem;
use crate::state::AppState;
use crate::workers::HEARD_WITHIN;

/// Refuses a job whose query has a type error, and a job whose subject or conditions none of its tables can hold.
/// `words` translates the names of its fields.
pub(crate) async fn check(state: &AppState, job: &NewJob, words: &[(&str, &str)]) -> Result<(), Problem> {
    if job.query.is_none() && job.subject.is_none() {
        return Ok(());
    }
    let workers = state.ledger().workers(HEARD_WITHIN).await?;
    let checked = query::check(&workers, job).and_then(|()| person::check(state.config(), &workers, job));
    checked.map_err(|problem| problem.in_words(words))
}
