//! The state of the service, for gauges and for the bound on the backlog. This module writes nothing.

use std::collections::BTreeMap;

use sqlx::Row;

use super::oldest::oldest_ms;
use crate::job::JobId;
use crate::ledger::db::{Ledger, LedgerError, rows};

/// The deadline of a job that has not ended and is not held, as the index of such jobs has it.
const DUE: &str = "CASE WHEN ended_at IS NULL AND held_at IS NULL THEN deadline_at END";

/// A running job, for the gauges of the largest jobs.
#[derive(Debug, Clone, PartialEq)]
pub struct Running {
    /// The id.
    pub id: JobId,
    /// The share of memories that are accounted for, 0 to 1.
    pub progress: f64,
    /// Memories accounted for per second since the present attempt's start.
    pub per_second: f64,
}

/// The unfinished jobs of the service.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Queue {
    /// Jobs by state.
    pub jobs: BTreeMap<String, u64>,
    /// Milliseconds since the oldest unfinished job could have started. A job with windows counts only while a
    /// window is open, at most from its opening. Held jobs do not count, nor do jobs whose targets are all paused.
    pub oldest_ms: u64,
    /// Unfinished jobs whose deadline has passed. Held jobs do not count.
    pub overdue: u64,
    /// Unfinished jobs that are due soon. Held jobs do not count.
    pub due_soon: u64,
}

/// The state of the service, for gauges computed at scrape.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ServiceState {
    /// The unfinished jobs.
    pub queue: Queue,
    /// Memories not accounted for, by target.
    pub remaining: BTreeMap<String, u64>,
    /// Routes of due partitions.
    pub due_routes: Vec<String>,
    /// The largest running jobs.
    pub largest: Vec<Running>,
}

/// The unfinished jobs of a caller, incomplete uploads included. Held jobs do not count.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Unfinished {
    /// The number of jobs.
    pub jobs: u64,
    /// The number of ids that they list.
    pub ids: u64,
}

/// Returns the principal of the dry runs by which the API looks for a caller beyond that caller's rights.
///
/// They count as unfinished jobs of the caller. No caller's own name begins so.
pub fn probe_of(principal: &str) -> String {
    format!("lethe:probe:{principal}")
}

impl Ledger {
    /// Returns the unfinished jobs of a caller, [its probes](probe_of) included.
    ///
    /// Counts no more than `most` jobs, and as many probes: beyond it, there are more jobs and ids.
    ///
    /// Calls `begun` right before the statement: the wait for a connection is over. Changes from then on may be missing.
    // It costs an index entry for each job. On PostgreSQL also the row of each job that changed since the last vacuum. In
    // the order of `not_before`, no planner prefers the index of all jobs of the caller.
    pub async fn unfinished_of(
        &self,
        principal: &str,
        most: u64,
        begun: impl FnOnce() + Send,
    ) -> Result<Unfinished, LedgerError> {
        let mut connection = self.inner.read.acquire().await?;
        begun();
        let row = sqlx::query(self.inner.sql(
            "-- ledger::unfinished of caller
            SELECT COUNT(*) AS jobs, CAST(COALESCE(SUM(listed), 0) AS BIGINT) AS ids
            FROM (SELECT listed FROM (
                    SELECT listed FROM jobs WHERE principal = $1 AND ended_at IS NULL AND held_at IS NULL ORDER BY not_before LIMIT $3) AS own
                UNION ALL
                SELECT listed FROM (
                    SELECT listed FROM jobs WHERE principal = $2 AND ended_at IS NULL AND held_at IS NULL ORDER BY not_before LIMIT $3) AS probes
            ) AS unfinished",
        ))
        .bind(principal)
        .bind(probe_of(principal))
        .bind(i64::try_from(most).unwrap_or(i64::MAX))
        .fetch_one(&mut *connection)
        .await?;
        Ok(Unfinished {
            jobs: rows::number(&row, "jobs")?,
            ids: rows::number(&row, "ids")?,
        })
    }

    /// Returns the number of jobs that have not ended. Held jobs do not count.
    pub async fn backlog(&self) -> Result<u64, LedgerError> {
        let row = sqlx::query(self.inner.sql(
            "-- ledger::backlog\nSELECT COUNT(*) AS n FROM jobs WHERE ended_at IS NULL AND state NOT IN ({job.receiving}, {job.held})",
        ))
        .fetch_one(&self.inner.read)
        .await?;
        rows::number(&row, "n")
    }

    /// Returns the unfinished jobs of the service.
    pub async fn queue(&self) -> Result<Queue, LedgerError> {
        let read = &self.inner.read;
        let mut queue = Queue::default();
        // The totals count ended jobs. The cost of counting them here would grow with the ledger.
        // The time is in subqueries of its own: PostgreSQL searches no index by a clock that it might have to read again.
        // An upload that has not ended is in no list. So nobody could find it.
        let jobs = sqlx::query(self.inner.sql(&format!(
            "-- ledger::service_state jobs
            SELECT state, COUNT(*) AS n,
                (SELECT COUNT(*) FROM jobs WHERE {DUE} IS NOT NULL AND {DUE} < (SELECT {{now}})
                    AND state <> {{job.receiving}}) AS overdue,
                (SELECT COUNT(*) FROM jobs WHERE {DUE} IS NOT NULL AND {DUE} < (SELECT {{now}} + $1)
                    AND state <> {{job.receiving}}) AS due
            FROM jobs WHERE ended_at IS NULL GROUP BY state"
        )))
        .bind(i64::try_from(self.inner.options.due_soon.as_millis()).unwrap_or(i64::MAX / 4))
        .fetch_all(read)
        .await?;
        for row in &jobs {
            queue.jobs.insert(row.try_get("state")?, rows::number(row, "n")?);
            queue.overdue = rows::number(row, "overdue")?;
            queue.due_soon = rows::number(row, "due")?.saturating_sub(queue.overdue);
        }
        queue.oldest_ms = oldest_ms(&self.inner).await?;
        Ok(queue)
    }

    /// Returns the state of the service, with at most `largest` running jobs.
    pub async fn service_state(&self, largest: u32) -> Result<ServiceState, LedgerError> {
        let read = &self.inner.read;
        let mut state = ServiceState {
            queue: self.queue().await?,
            ..ServiceState::default()
        };
        let remaining = sqlx::query(self.inner.sql(
            "-- ledger::service_state remaining
            SELECT target, route, CAST(SUM(remaining) AS BIGINT) AS n FROM partitions
            WHERE state IN ({partition.due}, {partition.running}) GROUP BY target, route",
        ))
        .fetch_all(read)
        .await?;
        for row in &remaining {
            *state.remaining.entry(row.try_get("target")?).or_insert(0) += rows::number(row, "n")?;
            state.due_routes.push(row.try_get("route")?);
        }
        let running = sqlx::query(self.inner.sql(
            "-- ledger::service_state largest
            SELECT id, selected, settled, {now} - started_at AS ms,
                (SELECT CAST(COALESCE(SUM(remaining), 0) AS BIGINT) FROM partitions WHERE job_id = jobs.id
                 AND state || '' IN ({partition.due}, {partition.running}, {partition.blocked})) AS remaining
            FROM jobs WHERE (state || '') IN ({job.planning}, {job.running}, {job.verifying}, {job.cancelling})
              AND started_at IS NOT NULL
            ORDER BY selected DESC, id LIMIT $1",
        ))
        .bind(i64::from(largest))
        .fetch_all(read)
        .await?;
        for row in &running {
            let (selected, remaining) = (rows::number(row, "selected")?, rows::number(row, "remaining")?);
            let done = selected.saturating_sub(remaining);
            state.largest.push(Running {
                id: rows::parsed(row, "jobs", "id")?,
                progress: ratio(done, selected),
                per_second: ratio(
                    done.saturating_sub(rows::number(row, "settled")?).saturating_mul(1000),
                    rows::number(row, "ms")?,
                ),
            });
        }
        Ok(state)
    }
}

#[expect(clippy::cast_precision_loss, reason = "a gauge needs no more than 52 bits")]
fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}
