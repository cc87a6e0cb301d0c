//! What time alone brings about: giving up, dropping abandoned uploads, keys that grow old.
//!
//! Any worker may sweep at any time; each step is one short transaction over a bounded number of
//! rows, and finds nothing the second time.

use std::time::Duration;

use serde_json::json;
use sqlx::Row;

use super::advance;
use super::change::JobChange;
use super::close::{self, Close};
use super::error::LedgerError;
use super::open::Ledger;
use super::rows;
use crate::job::{JobId, Outcome};

/// The most jobs that one step looks at.
// Keeps each transaction short; what is left is found by the next step.
const STEP: i64 = 50;

/// How long the sender of an upload may be silent.
// Longer than a request may last by default.
const UPLOAD_SILENCE_MS: i64 = 15 * 60 * 1000;

impl Ledger {
    /// Fails partitions that have met nothing but transient failures for too long, and those whose
    /// mapping no worker has had for as long. Returns the jobs that changed.
    pub async fn give_up(&self) -> Result<Vec<JobId>, LedgerError> {
        let give_up_ms = i64::try_from(self.inner.options.give_up_after.as_millis()).unwrap_or(i64::MAX / 4);
        let unserved = self.unserved(give_up_ms).await?;
        let failing = format!("state = 'due' AND failing_since <= {{now}} - {give_up_ms}");
        let mut changed = self.fail(&failing, None).await?;
        for route in unserved {
            // Routes are made of configured names and a digest: no quotes in them.
            let which = format!("state = 'due' AND due_at <= {{now}} - {give_up_ms} AND route = '{route}'");
            changed.extend(self.fail(&which, Some("unserved")).await?);
        }
        Ok(changed)
    }

    /// Fails partitions, and moves their jobs on; returns the jobs that changed.
    pub(super) async fn fail(&self, which: &str, code: Option<&'static str>) -> Result<Vec<JobId>, LedgerError> {
        let inner = &self.inner;
        let mut tx = inner.begin().await?;
        let found = sqlx::query(inner.sql(&format!(
            "-- ledger::sweep find
            SELECT id, kind FROM jobs WHERE ended_at IS NULL AND state <> 'receiving'
              AND id IN (SELECT job_id FROM partitions WHERE {which}) LIMIT $1"
        )))
        .bind(STEP)
        .fetch_all(&mut *tx)
        .await?;
        let mut changed = Vec::new();
        let mut totals = Vec::new();
        for row in &found {
            let id: JobId = rows::parsed(row, "jobs", "id")?;
            let close = Close {
                from: which.to_owned(),
                to: "failed",
                outcome: Outcome::Failed,
                unlisted: row.try_get::<String, _>("kind")? != "ids",
            };
            let closed = close::close_partitions(inner, &mut tx, &json!([{"id": id}]).to_string(), &close).await?;
            let n = closed.jobs.get(&id).copied().unwrap_or(0);
            let mut change = JobChange::new(id);
            (change.ended, change.failures, change.code) = (n, n, code);
            let jobs = advance::update_jobs(inner, &mut tx, &[change]).await?;
            let advanced = advance::advance(inner, &mut tx, jobs, &[]).await?;
            totals.extend(closed.increments.into_iter().chain(advanced.totals));
            changed.push(id);
        }
        inner.add_totals(&mut tx, totals).await?;
        tx.commit().await?;
        Ok(changed)
    }

    /// Returns the routes of due partitions that no worker has reported for `for_ms`.
    async fn unserved(&self, for_ms: i64) -> Result<Vec<String>, LedgerError> {
        let served = self
            .routes_seen_within(Duration::from_millis(u64::try_from(for_ms).unwrap_or(0)))
            .await?;
        let rows = sqlx::query(self.inner.sql(
            "-- ledger::sweep unserved
            SELECT DISTINCT route FROM partitions WHERE state = 'due' AND due_at <= {now} - $1",
        ))
        .bind(for_ms)
        .fetch_all(&self.inner.read)
        .await?;
        let due: Vec<String> = rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?;
        Ok(due.into_iter().filter(|route| !served.contains(route)).collect())
    }

    /// Drops uploads whose sender has been silent for too long.
    pub async fn drop_abandoned_uploads(&self) -> Result<usize, LedgerError> {
        let rows = sqlx::query(self.inner.sql(
            "-- ledger::sweep uploads
            SELECT id FROM jobs WHERE state = 'receiving' AND ended_at IS NULL AND touched_at <= {now} - $1 LIMIT $2",
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

    /// Drops every upload: for the start of an installation that is one process, whose former
    /// process is known to be dead, with all that was being sent to it.
    pub async fn drop_all_uploads(&self) -> Result<(), LedgerError> {
        let rows = sqlx::query(
            self.inner
                .sql("-- ledger::sweep all uploads\nSELECT id FROM jobs WHERE state = 'receiving'"),
        )
        .fetch_all(&self.inner.read)
        .await?;
        for row in &rows {
            self.drop_receiving(rows::parsed(row, "jobs", "id")?).await?;
        }
        Ok(())
    }

    /// Makes all leases end now: for the start of an installation that is one process, whose
    /// former process is known to be dead.
    pub async fn end_all_leases(&self) -> Result<u64, LedgerError> {
        let ended = sqlx::query(self.inner.sql(
            "-- ledger::sweep leases
            UPDATE partitions SET due_at = {now} WHERE state = 'running'",
        ))
        .execute(&self.inner.write)
        .await?;
        Ok(ended.rows_affected())
    }
}
