//! The state of one job, for an act that did not apply to it.

use sqlx::AnyConnection;

use crate::job::JobId;
use crate::ledger::db::{Inner, LedgerError, rows};
use crate::state::State;

/// Returns the state of a job; `None` if there is no such job.
pub(in crate::ledger) async fn state_of(
    inner: &Inner,
    connection: &mut AnyConnection,
    id: JobId,
) -> Result<Option<State>, LedgerError> {
    let row = sqlx::query(inner.sql("-- ledger::state of job\nSELECT id, state FROM jobs WHERE id = $1"))
        .bind(id.to_string())
        .fetch_optional(connection)
        .await?;
    row.map(|row| rows::parsed(&row, "jobs", "state")).transpose()
}
