//! Cancelling: one conditional update. Partitions that have not begun end here. Their workers finish
//! batches that have begun.

use serde_json::json;
use sqlx::{AnyConnection, Row};

use super::leave::{self, Left, NOT_BEGUN};
use crate::job::{JobId, Outcome, SelectorKind};
use crate::ledger::advance;
use crate::ledger::advance::close::{self, Close};
use crate::ledger::audit::{self, Act, Actor, Deed, Object};
use crate::ledger::db::{Inner, Ledger, LedgerError, Moves, rows};
use crate::ledger::operation::state_of;
use crate::ledger::partition_state::PartitionState;
use crate::ledger::types::JobEnd;
use crate::state::{Event, State};

/// The result of a request to cancel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CancelOutcome {
    /// It is being cancelled.
    Accepted,
    /// It was cancelled at once.
    Cancelled(JobEnd),
    /// It had ended before.
    Ended(State),
    /// There is no such job.
    Unknown,
}

impl Ledger {
    /// Cancels a job.
    pub async fn cancel(&self, id: JobId, by: &Actor) -> Result<CancelOutcome, LedgerError> {
        let inner = &self.inner;
        let mut tx = inner.begin().await?;
        let Some(stopping) = stop(inner, &mut tx, id, "aborts").await? else {
            let Some(state) = state_of(inner, &mut tx, id).await? else {
                return Ok(CancelOutcome::Unknown);
            };
            return match state {
                State::Cancelling => {
                    let deed = Deed::new(Act::JobCancel, Object::Job(id)).changed(false);
                    audit::commit(inner, tx, by, deed).await?;
                    Ok(CancelOutcome::Accepted)
                }
                State::Receiving => Ok(CancelOutcome::Unknown),
                state => Ok(CancelOutcome::Ended(state)),
            };
        };
        let mut advanced = advance::advance(inner, &mut tx, stopping.jobs, &[]).await?;
        inner
            .add_totals(&mut tx, stopping.totals.into_iter().chain(advanced.totals))
            .await?;
        audit::commit(inner, tx, by, Deed::new(Act::JobCancel, Object::Job(id))).await?;
        let end = advanced.ended.remove(&id);
        Ok(end.map_or(CancelOutcome::Accepted, CancelOutcome::Cancelled))
    }
}

/// Begins to stop a job: ends its partitions that have not begun. Returns `None` if the job is stopping
/// already or has ended. `aborts` is the new value of that column.
pub(in crate::ledger) async fn stop(
    inner: &Inner,
    tx: &mut AnyConnection,
    id: JobId,
    aborts: &str,
) -> Result<Option<Left>, LedgerError> {
    let moves = Moves::of(Event::CancelRequested);
    // A cancelled job no longer waits for its rate limit or a window: the next look recomputes its idle time.
    let found = sqlx::query(inner.sql(&format!(
        "-- ledger::cancel
        UPDATE jobs SET version = version + 1, state = {}, aborts = {aborts}, idle_since = accepted_at WHERE id = $1 AND state IN ({}) RETURNING kind",
        moves.to, moves.from
    )))
    .bind(id.to_string())
    .fetch_optional(&mut *tx)
    .await?;
    let Some(found) = found else { return Ok(None) };
    let close = Close {
        from: format!("(state = {{partition.blocked}} OR {NOT_BEGUN})"),
        to: PartitionState::Cancelled,
        outcome: Outcome::Left,
        unlisted: !rows::says(&found, "kind", SelectorKind::Ids)?,
        most: Close::ALL,
    };
    let ids = json!([{"id": id}]).to_string();
    // Blocked partitions were not counted as unfinished.
    let blocked: i64 = sqlx::query(inner.sql(
        "-- ledger::cancel blocked\nSELECT COUNT(*) AS n FROM partitions WHERE job_id = $1 AND state = {partition.blocked}",
    ))
    .bind(id.to_string())
    .fetch_one(&mut *tx)
    .await?
    .try_get("n")?;
    let mut closed = close::close_partitions(inner, &mut *tx, &ids, &close).await?;
    *closed.jobs.entry(id).or_insert(0) -= blocked;
    leave::left(inner, tx, closed).await.map(Some)
}
