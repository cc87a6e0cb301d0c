//! Ending the partitions of cancelled jobs that have not begun.
//!
//! A released partition is not claimed while its target is paused, its breaker is open, or no worker serves it. So a
//! cancelled job must not wait for that claim.

use sqlx::AnyConnection;

use crate::job::SelectorKind;
use crate::ledger::advance;
use crate::ledger::advance::close::{self, Close, Closed, LEFT};
use crate::ledger::advance::{JobChange, JobRow};
use crate::ledger::db::{Inner, LedgerError, rows};
use crate::ledger::totals::Increment;
use crate::ledger::types::JobEnd;
use crate::state::State;

/// Partitions without an intent that no worker holds. The next claim finishes a partition with an intent.
// `|| ''` as in `HELD`: such partitions are found by their jobs.
pub(super) const NOT_BEGUN: &str = "state || '' = {partition.due} AND intent IS NULL";

/// Ends, as left, the partitions that have not begun, of the cancelled jobs in a list of fences.
///
/// Locks the jobs in the order of their ids. A cancellation comes before this, or after it and then finds the waiting
/// partitions. Returns the jobs that ended by this.
pub(in crate::ledger) async fn leave_given_back(
    inner: &Inner,
    tx: &mut AnyConnection,
    fences: &str,
) -> Result<Vec<JobEnd>, LedgerError> {
    // No condition on the state: PostgreSQL would skip a job that is just being cancelled, instead of waiting for it.
    let rows = sqlx::query(inner.sql(
        "-- ledger::leave jobs
        SELECT id, kind, state FROM jobs WHERE id {in_jobs} ORDER BY id {locked}",
    ))
    .bind(fences)
    .fetch_all(&mut *tx)
    .await?;
    let mut jobs = Vec::new();
    for row in &rows {
        if rows::says(row, "state", State::Cancelling)? {
            jobs.push((
                rows::parsed(row, "jobs", "id")?,
                !rows::says(row, "kind", SelectorKind::Ids)?,
            ));
        }
    }
    if jobs.is_empty() {
        return Ok(Vec::new());
    }
    let closed = close::close_of(inner, tx, &jobs, NOT_BEGUN, LEFT, Close::ALL).await?;
    let left = left(inner, tx, closed).await?;
    let advanced = advance::advance(inner, tx, left.jobs, &[]).await?;
    inner
        .add_totals(tx, left.totals.into_iter().chain(advanced.totals))
        .await?;
    Ok(advanced.ended.into_values().collect())
}

/// The result of ending partitions of cancelled jobs: the updated jobs, and the additions to the totals.
pub(in crate::ledger) struct Left {
    pub(in crate::ledger) jobs: Vec<JobRow>,
    pub(in crate::ledger) totals: Vec<Increment>,
}

/// Subtracts ended partitions from the unfinished partitions of their jobs.
pub(in crate::ledger) async fn left(
    inner: &Inner,
    tx: &mut AnyConnection,
    closed: Closed,
) -> Result<Left, LedgerError> {
    let changes: Vec<JobChange> = closed
        .jobs
        .iter()
        .map(|(id, n)| {
            let mut change = JobChange::new(*id);
            change.ended = *n;
            change
        })
        .collect();
    Ok(Left {
        jobs: advance::update_jobs(inner, tx, &changes).await?,
        totals: closed.increments,
    })
}
