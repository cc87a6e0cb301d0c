//! Sweeping: dropping abandoned uploads, ending leases, failing partitions. [Giving up](super::give_up) is apart.
//!
//! Any worker may sweep at any time. Each step is one short transaction over a bounded number of rows. A
//! repeated step finds nothing. Only the calls for the start of an installation are not bounded.

use serde_json::json;

use crate::error_code::ErrorCode;
use crate::job::{JobId, Outcome, SelectorKind};
use crate::ledger::advance;
use crate::ledger::advance::JobChange;
use crate::ledger::advance::close::{self, Close};
use crate::ledger::db::rows::UNENDED;
use crate::ledger::db::{Ledger, LedgerError, rows};
use crate::ledger::partition_state::PartitionState;
use crate::ledger::types::JobEnd;

/// The most jobs that one step reads.
// It keeps each transaction short. The next step finds the others.
const STEP: i64 = 50;

/// The time for which the sender of an upload may be silent, in milliseconds.
// Longer than the default time limit of a request.
const UPLOAD_SILENCE_MS: i64 = 15 * 60 * 1000;

impl Ledger {
    /// Fails the partitions that meet `which`, and moves their jobs on. Returns their number, and the jobs that ended
    /// by this.
    pub(in crate::ledger) async fn fail(
        &self,
        which: &str,
        code: Option<ErrorCode>,
    ) -> Result<(u64, Vec<JobEnd>), LedgerError> {
        let inner = &self.inner;
        let mut tx = inner.begin().await?;
        let found = sqlx::query(inner.sql(&format!(
            "-- ledger::sweep find
            SELECT id, kind FROM jobs WHERE {UNENDED} AND state <> {{job.receiving}}
              AND id IN (SELECT job_id FROM partitions WHERE {which}) LIMIT $1"
        )))
        .bind(STEP)
        .fetch_all(&mut *tx)
        .await?;
        let (mut failed, mut ended) = (0, Vec::new());
        let mut totals = Vec::new();
        for row in &found {
            let id: JobId = rows::parsed(row, "jobs", "id")?;
            let close = Close {
                from: which.to_owned(),
                to: PartitionState::Failed,
                outcome: Outcome::Failed,
                unlisted: !rows::says(row, "kind", SelectorKind::Ids)?,
                most: Close::ALL,
            };
            let closed = close::close_partitions(inner, &mut tx, &json!([{"id": id}]).to_string(), &close).await?;
            let n = closed.jobs.get(&id).copied().unwrap_or(0);
            failed += u64::try_from(n).unwrap_or(0);
            let mut change = JobChange::new(id);
            (change.ended, change.failures, change.code) = (n, n, code);
            let jobs = advance::update_jobs(inner, &mut tx, &[change]).await?;
            let advanced = advance::advance(inner, &mut tx, jobs, &[]).await?;
            totals.extend(closed.increments.into_iter().chain(advanced.totals));
            ended.extend(advanced.ended.into_values());
        }
        inner.add_totals(&mut tx, totals).await?;
        tx.commit().await?;
        Ok((failed, ended))
    }

    /// Drops uploads whose sender has been silent for too long.
    pub async fn drop_abandoned_uploads(&self) -> Result<usize, LedgerError> {
        let rows = sqlx::query(self.inner.sql(
            "-- ledger::sweep uploads
            SELECT id FROM jobs WHERE (state || '') = {job.receiving} AND touched_at <= (SELECT {now}) - $1 LIMIT $2",
        ))
        .bind(UPLOAD_SILENCE_MS)
        .bind(STEP)
        .fetch_all(&self.inner.read)
        .await?;
        for row in &rows {
            self.drop_receiving(rows::parsed(row, "jobs", "id")?).await?;
        }
        Ok(rows.len())
    }

    /// Drops every upload: for the start of a single-process installation. Its former process is known to be
    /// dead, and so are the uploads to it.
    pub async fn drop_all_uploads(&self) -> Result<(), LedgerError> {
        let rows = sqlx::query(
            self.inner
                .sql("-- ledger::sweep all uploads\nSELECT id FROM jobs WHERE state = {job.receiving}"),
        )
        .fetch_all(&self.inner.read)
        .await?;
        for row in &rows {
            self.drop_receiving(rows::parsed(row, "jobs", "id")?).await?;
        }
        Ok(())
    }

    /// Ends all leases now: for the start of a single-process installation. Its former process is known to be
    /// dead.
    pub async fn end_all_leases(&self) -> Result<u64, LedgerError> {
        let ended = sqlx::query(self.inner.sql(
            "-- ledger::sweep leases
            UPDATE partitions SET due_at = {now} WHERE state = {partition.running}",
        ))
        .execute(&self.inner.write)
        .await?;
        // The log's lease too, so that the first receipts need not wait for it.
        sqlx::query(
            self.inner
                .sql("-- ledger::sweep log\nUPDATE log_head SET worker = NULL, lease_until = 0 WHERE id = 1"),
        )
        .execute(&self.inner.write)
        .await?;
        Ok(ended.rows_affected())
    }
}
