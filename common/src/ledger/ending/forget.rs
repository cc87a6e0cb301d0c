//! Forgetting: when the retention of an ended job has passed, its ids and personal data leave the ledger.
//! The counts stay until the job itself is deleted.
//!
//! Each step is a short transaction over a bounded number of rows. So a claim waits for one step at most, however large
//! a job was and however many jobs have ended. A step skips jobs that another worker has locked. The next step finds
//! the rest, also after a crash.
//!
//! A bound is `(SELECT {now})`: the time is read once, and the index is read up to that time. A bare `{now}` is read
//! again for each row: PostgreSQL read a million entries, in 1.5 s, to find that none was due.

use std::time::Duration;

use serde_json::{Value, json};
use sqlx::{AnyConnection, Row};

use super::due::is_due;
use crate::ledger::accept::delete_labels;
use crate::ledger::db::{Inner, Ledger, LedgerError};
use crate::ledger::views::counts_in;

/// The most jobs of one step.
const JOBS: i64 = 500;

/// The most rows about memories that one step deletes from each table.
const ITEMS: i64 = 5_000;

/// The most partitions that one step deletes. Each may hold a batch of ids.
// They may hold 20 MB. SQLite overwrites deleted data with zeros, here in about 0.1 s.
const PARTITIONS: i64 = 500;

/// The result of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    Nothing,
    /// The step did all that was due.
    All,
    /// The step reached its bound: there may be more.
    More,
}

impl Step {
    fn of(jobs: u64) -> Self {
        match jobs {
            0 => Self::Nothing,
            jobs if jobs < JOBS.unsigned_abs() => Self::All,
            _ => Self::More,
        }
    }
}

/// The retention of recorded data. For a job it counts from the job's end.
#[derive(Debug, Clone, Copy)]
pub struct Kept {
    /// The ids and personal data of a job.
    pub items: Duration,
    /// The job itself.
    pub jobs: Duration,
    /// Idempotency keys, at least.
    pub keys: Duration,
    /// Events of the audit trail.
    pub audit: Duration,
    /// The statements of receipts.
    pub receipts: Duration,
}

/// The result of a step in forgetting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Forgot {
    /// Whether there may be more to forget.
    pub more: bool,
    /// The time for which no other retention can pass: zero if the step deleted something, or left deleted data in
    /// SQLite's log.
    pub quiet: Duration,
}

pub(super) fn ms(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX / 4)
}

impl Ledger {
    /// Takes a step in forgetting data whose retention has passed. If no retention has passed, the step is one
    /// statement.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Unavailable`] if the database did not answer.
    pub async fn forget(&self, kept: Kept) -> Result<Forgot, LedgerError> {
        let waits = self.retentions(kept).await?;
        let [
            mut forgotten,
            mut cleared,
            mut dropped,
            mut keys,
            mut events,
            mut receipts,
        ] = [Step::Nothing; 6];
        // A job that loses its personal data is cleared next, and a cleared one is deleted next.
        if is_due(waits.items) {
            forgotten = self.forget_jobs(kept.items).await?;
        }
        if waits.rest.is_some() || forgotten != Step::Nothing {
            cleared = self.clear_jobs().await?;
        }
        if is_due(waits.jobs) || cleared != Step::Nothing {
            dropped = self.drop_jobs(kept.jobs).await?;
        }
        if is_due(waits.keys) {
            keys = self.drop_keys(kept.keys).await?;
        }
        if is_due(waits.events) {
            events = self.forget_events(kept.audit).await?;
        }
        if is_due(waits.receipts) {
            receipts = self.forget_statements(kept.receipts).await?;
        }
        let steps = [forgotten, cleared, dropped, keys, events, receipts];
        let mut quiet = waits.quiet(kept);
        if steps.iter().any(|step| *step != Step::Nothing) {
            quiet = Duration::ZERO;
            self.inner.emptied.is_over();
        }
        let more = steps.contains(&Step::More);
        if !more && self.scrub().await? {
            quiet = Duration::ZERO;
        }
        Ok(Forgot { more, quiet })
    }

    /// Deletes the personal data in the rows of jobs. Their counts become a summary. With the key of a job nobody can
    /// compute any more which person its receipts are about.
    async fn forget_jobs(&self, after: Duration) -> Result<Step, LedgerError> {
        let inner = &self.inner;
        let mut tx = inner.begin().await?;
        let due = ids(
            inner,
            &mut tx,
            "-- ledger::forget due
            SELECT id FROM jobs WHERE ended_at IS NOT NULL AND forgotten_at IS NULL AND ended_at <= (SELECT {now}) - $1
            ORDER BY ended_at LIMIT $2 {skip_locked}",
            Some(after),
        )
        .await?;
        if due.is_empty() {
            tx.rollback().await?;
            return Ok(Step::Nothing);
        }
        let mut counts = counts_in(inner, &mut tx, &list(&due)).await?;
        let summaries: Vec<Value> = due
            .iter()
            .map(|id| {
                let counts = counts.remove(id).unwrap_or_default();
                json!({"id": id, "summary": json!(counts).to_string()})
            })
            .collect();
        sqlx::query(inner.sql(
            "-- ledger::forget
            UPDATE jobs SET forgotten_at = {now}, summary = e.value->>'summary', subject = NULL, query = NULL, owner = NULL,
                workspace = NULL, memory_kind = NULL, slices = NULL, opaque_id = NULL, expect = NULL, preview = NULL,
                request = NULL, owed = 0, fingerprint_key = NULL
            FROM {each} WHERE jobs.id = e.value->>'id' AND jobs.id {in_ids}",
        ))
        .bind(json!(summaries).to_string())
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(Step::of(due.len() as u64))
    }

    /// Deletes the items, counts, dependents, counts by hold and partitions of forgotten jobs, and with them the ids.
    async fn clear_jobs(&self) -> Result<Step, LedgerError> {
        let inner = &self.inner;
        let mut tx = inner.begin().await?;
        let due = ids(
            inner,
            &mut tx,
            "-- ledger::forget uncleared
            SELECT id FROM jobs WHERE forgotten_at IS NOT NULL AND cleared = 0 ORDER BY forgotten_at LIMIT $1 {skip_locked}",
            None,
        )
        .await?;
        if due.is_empty() {
            tx.rollback().await?;
            return Ok(Step::Nothing);
        }
        let of_due = list(&due);
        let mut step = Step::of(due.len() as u64);
        let mut emptied = true;
        for (table, key, most) in [
            (
                "items",
                "job_id, outcome, memory_key, table_name, store, ordinal",
                ITEMS,
            ),
            ("counts", "job_id, ordinal, store, outcome", ITEMS),
            ("dependents", "job_id, target, table_name", ITEMS),
            ("job_holds", "job_id, hold, revision", ITEMS),
            ("partitions", "job_id, ordinal", PARTITIONS),
        ] {
            let sql = format!(
                "-- ledger::forget {table}
                DELETE FROM {table} WHERE ({key}) IN
                    (SELECT {key} FROM {table} WHERE job_id {{in_ids}} LIMIT $2)"
            );
            let query = sqlx::query(inner.sql(&sql)).bind(&of_due).bind(most);
            let deleted = query.execute(&mut *tx).await?.rows_affected();
            emptied &= deleted < most.unsigned_abs();
        }
        if emptied {
            let sql = "-- ledger::forget cleared
                UPDATE jobs SET cleared = 1 FROM {each} WHERE jobs.id = e.value->>'id' AND jobs.id {in_ids}";
            sqlx::query(inner.sql(sql)).bind(&of_due).execute(&mut *tx).await?;
        } else {
            step = Step::More;
        }
        tx.commit().await?;
        Ok(step)
    }

    /// Deletes cleared jobs whose retention has passed, with their labels.
    async fn drop_jobs(&self, after: Duration) -> Result<Step, LedgerError> {
        let inner = &self.inner;
        let mut tx = inner.begin().await?;
        let dropped = ids(
            inner,
            &mut tx,
            "-- ledger::forget jobs
            DELETE FROM jobs WHERE id IN
                (SELECT id FROM jobs WHERE cleared = 1 AND ended_at <= (SELECT {now}) - $1 ORDER BY ended_at LIMIT $2 {skip_locked})
            RETURNING id",
            Some(after),
        )
        .await?;
        if dropped.is_empty() {
            tx.rollback().await?;
            return Ok(Step::Nothing);
        }
        delete_labels(inner, &mut tx, &list(&dropped)).await?;
        tx.commit().await?;
        Ok(Step::of(dropped.len() as u64))
    }

    /// Deletes idempotency keys whose retention has passed, since their creation and since the end of their job.
    // Oldest first, with a lookup for each job: a join of tables that PostgreSQL had not analysed read all keys.
    async fn drop_keys(&self, after: Duration) -> Result<Step, LedgerError> {
        self.drop_some(
            "-- ledger::forget keys
            DELETE FROM idempotency WHERE job_id IN
                (SELECT i.job_id FROM idempotency i
                 WHERE i.created_at <= (SELECT {now}) - $1 AND COALESCE(
                     (SELECT CASE WHEN j.ended_at <= (SELECT {now}) - $1 THEN 1 ELSE 0 END FROM jobs j WHERE j.id = i.job_id), 1) = 1
                 ORDER BY i.created_at LIMIT $2)",
            after,
        )
        .await
    }

    pub(super) async fn drop_some(&self, sql: &str, after: Duration) -> Result<Step, LedgerError> {
        let query = sqlx::query(self.inner.sql(sql)).bind(ms(after)).bind(JOBS);
        let dropped = query.execute(&self.inner.write).await?.rows_affected();
        Ok(Step::of(dropped))
    }
}

/// Returns the ids of jobs that a statement locks or deletes, at most [`JOBS`].
async fn ids(
    inner: &Inner,
    tx: &mut AnyConnection,
    sql: &str,
    after: Option<Duration>,
) -> Result<Vec<String>, LedgerError> {
    let query = sqlx::query(inner.sql(sql));
    let query = match after {
        Some(after) => query.bind(ms(after)),
        None => query,
    };
    let rows = query.bind(JOBS).fetch_all(tx).await?;
    Ok(rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?)
}

fn list(ids: &[String]) -> String {
    json!(ids.iter().map(|id| json!({"id": id})).collect::<Vec<_>>()).to_string()
}
