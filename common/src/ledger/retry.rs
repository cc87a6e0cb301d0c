//! Another attempt at a job that failed or was cancelled, asked for by a person.
//!
//! An attempt asks for everything again: what an earlier one erased is then `absent`. Counting
//! both attempts as one would need to know, for each memory, how far it got in each store.

use sqlx::Row;

use super::error::LedgerError;
use super::open::Ledger;
use super::rows;
use super::totals::{Increment, TotalsMetric};
use crate::job::JobId;
use crate::state::{Event, State};

/// What became of a request for another attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RetryOutcome {
    /// It is queued again.
    Accepted,
    /// It has not failed, nor was it cancelled.
    NotEnded(State),
    /// It said what its selection has to be, and that was for one attempt.
    Expects,
    /// Its ids were forgotten: nobody knows what to erase.
    Forgotten,
    /// There is no such job.
    Unknown,
}

impl Ledger {
    /// Queues an ended job for another attempt.
    pub async fn retry(&self, id: JobId) -> Result<RetryOutcome, LedgerError> {
        let inner = &self.inner;
        let mut tx = inner.begin().await?;
        let moves = Event::RetryRequested.moves();
        let id_text = id.to_string();
        let found = sqlx::query(inner.sql(&format!(
            "-- ledger::retry
            UPDATE jobs SET version = version + 1, state = {}, attempt = attempt + 1, round = 0, failures = 0,
                error_code = NULL, version_erased = NULL, snapshot = NULL, warnings = NULL, preview = NULL, skipped = 0, throttled_ms = 0,
                task_forgotten = 0, aborts = CASE WHEN aborts = 2 THEN 1 ELSE aborts END, ended_at = NULL, started_at = NULL, not_before = {{now}},
                request = NULL, owed = 0
            WHERE id = $1 AND state IN ({}) AND forgotten_at IS NULL AND expect IS NULL RETURNING id",
            moves.to, moves.from
        )))
        .bind(&id_text)
        .fetch_optional(&mut *tx)
        .await?;
        if found.is_none() {
            let row = sqlx::query(
                inner.sql("-- ledger::retry state\nSELECT id, state, forgotten_at FROM jobs WHERE id = $1"),
            )
            .bind(&id_text)
            .fetch_optional(&mut *tx)
            .await?;
            let Some(row) = row else {
                return Ok(RetryOutcome::Unknown);
            };
            let state: State = rows::parsed(&row, "jobs", "state")?;
            let forgotten = row.try_get::<Option<i64>, _>("forgotten_at")?.is_some();
            return Ok(match state {
                State::Failed | State::Cancelled if forgotten => RetryOutcome::Forgotten,
                State::Failed | State::Cancelled => RetryOutcome::Expects,
                State::Receiving => RetryOutcome::Unknown,
                _ => RetryOutcome::NotEnded(state),
            });
        }
        for sql in [
            "-- ledger::retry counts\nDELETE FROM counts WHERE job_id = $1",
            "-- ledger::retry items\nDELETE FROM items WHERE job_id = $1",
            // Ranges, point sweeps and lists of a plan's are planned anew.
            "-- ledger::retry planned
            DELETE FROM partitions WHERE job_id = $1 AND (reads_back = 0 OR work LIKE '{\"listed\":%')",
            "-- ledger::retry partitions
            UPDATE partitions SET state = 'due', due_at = {now}, remaining = size, progress = NULL, intent = NULL,
                snapshot = NULL, found = NULL,
                rescues = 0, failures = 0, failing_since = NULL, error_code = NULL,
                kind = CASE WHEN kind = 'preview' THEN 'preview' WHEN work IN ('\"subject\"', '\"query\"') THEN 'plan' ELSE 'erase' END
            WHERE job_id = $1",
            "-- ledger::retry size
            UPDATE jobs SET unfinished = (SELECT COUNT(*) FROM partitions WHERE job_id = jobs.id),
                selected = (SELECT CAST(COALESCE(SUM(size), 0) AS BIGINT) FROM partitions WHERE job_id = jobs.id)
            WHERE id = $1",
        ] {
            sqlx::query(inner.sql(sql)).bind(&id_text).execute(&mut *tx).await?;
        }
        let sizes = sqlx::query(inner.sql(
            "-- ledger::retry totals
            SELECT target, stores, CAST(SUM(size) AS BIGINT) AS n FROM partitions
            WHERE job_id = $1 AND kind = 'erase' GROUP BY target, stores",
        ))
        .bind(&id_text)
        .fetch_all(&mut *tx)
        .await?;
        let mut increments = vec![Increment::new(TotalsMetric::Accepted, "", None, "", 1)];
        for row in &sizes {
            let target: String = row.try_get("target")?;
            for store in rows::stores(row)? {
                let n = rows::number(row, "n")?;
                increments.push(Increment::new(TotalsMetric::Selected, &target, Some(store), "", n));
            }
        }
        inner.add_totals(&mut tx, increments).await?;
        tx.commit().await?;
        Ok(RetryOutcome::Accepted)
    }
}
