//! Holding jobs back: only holds keep memories of them.

use std::collections::HashMap;

use sqlx::AnyConnection;

use super::end::ends_of;
use super::step::{JobRow, ids_of};
use crate::error_code::ErrorCode;
use crate::job::JobId;
use crate::ledger::db::{Inner, LedgerError, Moves};
use crate::ledger::holds;
use crate::ledger::types::JobEnd;
use crate::state::Event;

/// Makes jobs held, and notes them in the holds that keep their memories. Each gets a receipt, as an ended job does.
// Without `idle_since` no limit ends such a job.
pub(super) async fn hold_back(
    inner: &Inner,
    tx: &mut AnyConnection,
    jobs: &[(&JobRow, Option<ErrorCode>)],
) -> Result<HashMap<JobId, JobEnd>, LedgerError> {
    let moves = Moves::of(Event::HeldBack);
    let held = sqlx::query(inner.sql(&format!(
        "-- ledger::advance hold back
        UPDATE jobs SET version = version + 1, state = {}, held_at = {{now}}, idle_since = NULL, error_code = NULL,
            endings = endings + 1
        WHERE jobs.id {{in_ids}} AND state IN ({})
        RETURNING jobs.id AS id, state, {{now}} - not_before AS duration",
        moves.to, moves.from
    )))
    .bind(ids_of(jobs.iter().map(|(job, _)| *job)))
    .fetch_all(&mut *tx)
    .await?;
    let held = ends_of(&held)?;
    let mut ids: Vec<JobId> = held.keys().copied().collect();
    ids.sort_unstable();
    holds::note(inner, tx, &ids).await?;
    Ok(held)
}
