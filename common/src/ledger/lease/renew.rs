//! Keeping a lease: renewals, and why one was not renewed.

use std::collections::HashMap;
use std::time::Instant;

use serde_json::{Value, json};

use crate::ledger::db::rows::{self, Key};
use crate::ledger::db::{Ledger, LedgerError};
use crate::ledger::types::Fence;
use crate::state::State;

/// What a worker may do after asking the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Go {
    /// Go on; the lease now lasts until then.
    Proceed(Instant),
    /// Begin no new batch: the job is being cancelled.
    Cancel(Instant),
    /// Begin no new batch: the target, or everything, is paused, or a mapping was published that may share the place.
    Pause(Instant),
    /// The lease was lost: touch nothing more.
    Lost,
    /// The ledger refuses this one for good; the lease lasts as before.
    Refused,
}

impl Ledger {
    /// Renews leases. A cancelled or paused job's too: what has begun is finished.
    pub async fn renew(&self, fences: &[Fence]) -> Result<Vec<Go>, LedgerError> {
        let rows: Vec<Value> = fences.iter().map(|fence| rows::fence(*fence)).collect();
        self.touch(
            fences,
            &rows,
            "-- ledger::renew
            UPDATE partitions SET due_at = {now} + $2
            FROM {each}
            WHERE partitions.job_id = e.value->>'job' AND ordinal = CAST(e.value->>'ordinal' AS BIGINT)
              AND lease_token = CAST(e.value->>'token' AS BIGINT) AND state = {partition.running}
            RETURNING partitions.job_id, ordinal",
        )
        .await
    }

    /// Moves the ends of leases on by a statement that returns those it touched.
    pub(super) async fn touch(&self, fences: &[Fence], rows: &[Value], sql: &str) -> Result<Vec<Go>, LedgerError> {
        let until = Instant::now() + self.inner.options.lease;
        let lease_ms = i64::try_from(self.inner.options.lease.as_millis()).unwrap_or(i64::MAX / 4);
        let list = json!(rows).to_string();
        let touched = sqlx::query(self.inner.sql(sql))
            .bind(&list)
            .bind(lease_ms)
            .fetch_all(&self.inner.write)
            .await?;
        let touched = touched.iter().map(rows::key).collect::<Result<Vec<Key>, _>>()?;
        let mut answers: HashMap<Key, Go> = touched.into_iter().map(|key| (key, Go::Proceed(until))).collect();
        if answers.len() < fences.len() {
            self.explain(&list, &mut answers, until).await?;
        }
        Ok(fences
            .iter()
            .map(|fence| answers.get(&(fence.job, fence.ordinal)).copied().unwrap_or(Go::Lost))
            .collect())
    }

    /// Fills in why a partition was not touched.
    async fn explain(&self, list: &str, answers: &mut HashMap<Key, Go>, until: Instant) -> Result<(), LedgerError> {
        let rows = sqlx::query(self.inner.sql(
            "-- ledger::intend explain
            SELECT p.job_id AS job_id, p.ordinal AS ordinal, j.state AS state
            FROM {each}
            JOIN partitions p ON p.job_id = e.value->>'job' AND p.ordinal = CAST(e.value->>'ordinal' AS BIGINT)
              AND p.lease_token = CAST(e.value->>'token' AS BIGINT) AND p.state = {partition.running}
            JOIN jobs j ON j.id = p.job_id",
        ))
        .bind(list)
        .fetch_all(&self.inner.write)
        .await?;
        for row in &rows {
            let cancelling = rows::says(row, "state", State::Cancelling)?;
            // The lease was not renewed: nothing is left to do but to give it back.
            let stop = if cancelling {
                Go::Cancel(until)
            } else {
                Go::Pause(until)
            };
            answers.entry(rows::key(row)?).or_insert(stop);
        }
        Ok(())
    }
}
