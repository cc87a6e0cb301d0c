//! Queuing a held job again: another attempt, for the memories that holds kept.
//!
//! The attempt asks for these memories by their ids, and follows the snapshot of the first one. It makes no new plan: years
//! may have passed, and a plan would select memories that nobody asked for. If another hold still keeps some of them, the
//! job becomes held again.

use serde_json::json;
use sqlx::AnyConnection;

use crate::job::JobId;
use crate::ledger::db::{Inner, Ledger, LedgerError, Moves};
use crate::ledger::ending::retry::{COLUMNS, NEXT, Open, finish, forget_held, keep, nothing};
use crate::ledger::holds;
use crate::state::Event;

/// The most ids of a partition.
const IDS: u32 = 1_000;

impl Ledger {
    /// Queues a held job again; returns whether it did. The job may be cancelled meanwhile, or queued by another process.
    pub(super) async fn requeue(&self, id: JobId) -> Result<bool, LedgerError> {
        let Some(view) = self.job(id).await? else {
            return Ok(false);
        };
        let inner = &self.inner;
        let mut tx = inner.begin().await?;
        let moves = Moves::of(Event::HoldReleased);
        let id_text = id.to_string();
        // Only the attempt that was read. The expectation of the job stays: this attempt makes no plan, but a retry of it
        // would make one that nobody has seen.
        let queued = sqlx::query(inner.sql(&format!(
            "-- ledger::requeue
            UPDATE jobs SET version = version + 1, state = {}, attempt = attempt + 1, round = 0, failures = 0, skipped = 0,
                held_at = NULL, started_at = NULL, not_before = {{now}}, idle_since = {{now}}, progressed_at = NULL, rate = 0,
                accounted = 0, sampled_at = NULL, course = NULL, throttled_ms = 0
            WHERE id = $1 AND attempt = $2 AND state IN ({})",
            moves.to, moves.from
        )))
        .bind(&id_text)
        .bind(i64::try_from(view.attempt).unwrap_or(i64::MAX))
        .execute(&mut *tx)
        .await?;
        if queued.rows_affected() == 0 {
            // Explicitly, since a dropped transaction rolls back only later.
            tx.rollback().await?;
            return Ok(false);
        }
        keep(inner, &mut tx, &id_text, Open::Held).await?;
        partitions(inner, &mut tx, &id_text).await?;
        forget_held(inner, &mut tx, &id_text).await?;
        holds::forget(inner, &mut tx, &json!([{"id": id}]).to_string()).await?;
        // It was accepted once, and has not ended.
        finish(inner, &mut tx, &view, Open::Held, 0).await?;
        tx.commit().await?;
        Ok(true)
    }
}

/// Inserts the partitions of the attempt: the memories of each partition that holds kept. They alone are read back. A later
/// retry reads the lists and plans of the request back again, which `reads_back = 2` tells it.
async fn partitions(inner: &Inner, tx: &mut AnyConnection, id: &str) -> Result<(), LedgerError> {
    let held = Open::Held.memories();
    let again = format!(
        "-- ledger::requeue again
        INSERT INTO partitions ({COLUMNS}, snapshot)
        SELECT p.job_id, j.next_ordinal + ROW_NUMBER() OVER (ORDER BY p.ordinal, u.part) - 1, {{kind.erase}}, p.target,
            p.table_name, p.route, p.stores, 1, {{partition.due}}, p.alias,
            CASE WHEN p.work LIKE '{{\"listed\":%' THEN '{{\"listed\":' ELSE '{{\"ids\":' END || u.ids || '}}', 1, u.n, u.n, {{now}},
            p.snapshot
        FROM (SELECT ordinal, part, CAST({{list}}(COALESCE(memory_id, memory_key)) AS TEXT) AS ids, COUNT(*) AS n
            FROM (SELECT ordinal, memory_key, memory_id,
                    (ROW_NUMBER() OVER (PARTITION BY ordinal ORDER BY memory_key) - 1) / {IDS} AS part
                FROM {held} o) AS numbered
            GROUP BY ordinal, part) u
        JOIN partitions p ON p.job_id = $1 AND p.ordinal = u.ordinal
        JOIN jobs j ON j.id = p.job_id"
    );
    // After a second release, the partitions of the first one are parts of those lists and plans too.
    let rest = "-- ledger::requeue rest
        UPDATE partitions SET reads_back = CASE WHEN
                (SELECT MAX(reads_back) FROM partitions WHERE job_id = $1) = 2 THEN 0 ELSE 2 END
        WHERE job_id = $1 AND reads_back = 1 AND state <> {partition.due}
          AND EXISTS (SELECT 1 FROM partitions d WHERE d.job_id = $1 AND d.state || '' = {partition.due})"
        .to_owned();
    for sql in [again, rest, nothing(), NEXT.to_owned()] {
        sqlx::query(inner.sql(&sql)).bind(id).execute(&mut *tx).await?;
    }
    Ok(())
}
