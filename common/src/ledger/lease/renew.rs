//! Keeping a lease: renewals, and the reasons for which a lease was not renewed.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::ledger::db::rows::{self, Key};
use crate::ledger::db::{Ledger, LedgerError};
use crate::ledger::types::Fence;
use crate::state::State;

/// The ledger's answer to a worker that keeps a lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeaseCheck {
    /// Go on: the lease now lasts until this time.
    Proceed(Instant),
    /// Begin no new batch: the job is being cancelled.
    Cancel(Instant),
    /// Begin no new batch: the target or everything is paused, or the published mappings have changed.
    Pause(Instant),
    /// The lease was lost: touch nothing more.
    Lost,
    /// The ledger refuses this write for good. The lease lasts as before.
    Refused,
}

/// The columns of a partition's key, and of the milliseconds until its lease expires.
pub(super) const LEFT: &str = "partitions.job_id, ordinal, due_at - {now} AS left_ms";

impl Ledger {
    /// Renews leases, also of cancelled and paused jobs: a batch that has begun must finish.
    pub async fn renew(&self, fences: &[Fence]) -> Result<Vec<LeaseCheck>, LedgerError> {
        let rows: Vec<Value> = fences.iter().map(|fence| rows::fence(*fence)).collect();
        self.touch(
            fences,
            &rows,
            &format!(
                "-- ledger::renew
            UPDATE partitions SET due_at = {{now}} + $2
            FROM {{each}} WHERE {HELD}
            RETURNING {LEFT}",
                HELD = rows::HELD
            ),
        )
        .await
    }

    /// Keeps leases by a statement that returns [`LEFT`] for each lease that it touched.
    pub(super) async fn touch(
        &self,
        fences: &[Fence],
        rows: &[Value],
        sql: &str,
    ) -> Result<Vec<LeaseCheck>, LedgerError> {
        let (asked, lease) = (Instant::now(), self.inner.options.lease);
        let lease_ms = i64::try_from(lease.as_millis()).unwrap_or(i64::MAX / 4);
        let list = json!(rows).to_string();
        let touched = sqlx::query(self.inner.sql(sql))
            .bind(&list)
            .bind(lease_ms)
            .fetch_all(&self.inner.write)
            .await?;
        let mut answers = HashMap::with_capacity(touched.len());
        for row in &touched {
            // Counted from before the statement, so that the lease ends here no later than in the ledger.
            let left = Duration::from_millis(rows::number(row, "left_ms")?);
            answers.insert(rows::key(row)?, LeaseCheck::Proceed(asked + left.min(lease)));
        }
        if answers.len() < fences.len() {
            self.explain(&list, &mut answers, asked + lease).await?;
        }
        Ok(fences
            .iter()
            .map(|fence| {
                answers
                    .get(&(fence.job, fence.ordinal))
                    .copied()
                    .unwrap_or(LeaseCheck::Lost)
            })
            .collect())
    }

    /// Fills in the answers for partitions that are held but were not touched.
    async fn explain(
        &self,
        list: &str,
        answers: &mut HashMap<Key, LeaseCheck>,
        until: Instant,
    ) -> Result<(), LedgerError> {
        let rows = sqlx::query(self.inner.sql(&format!(
            "-- ledger::intend explain
            SELECT partitions.job_id AS job_id, ordinal, jobs.state AS state
            FROM {{each}} JOIN partitions ON {HELD} JOIN jobs ON jobs.id = partitions.job_id",
            HELD = rows::HELD
        )))
        .bind(list)
        .fetch_all(&self.inner.write)
        .await?;
        for row in &rows {
            let cancelling = rows::says(row, "state", State::Cancelling)?;
            // The lease was not renewed: the worker can only release it.
            let stop = if cancelling {
                LeaseCheck::Cancel(until)
            } else {
                LeaseCheck::Pause(until)
            };
            answers.entry(rows::key(row)?).or_insert(stop);
        }
        Ok(())
    }
}
