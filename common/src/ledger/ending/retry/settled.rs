//! The memories that an attempt settled, from the counts of its partitions and the memories that it listed.
//!
//! A memory that failed in one store may have been erased from the other. It is retried in both, and counted once it
//! is settled. So it leaves all counts here, and the ledger remembers the store from which it was erased. If the next
//! attempt finds it absent there, it counts as erased again.

use sqlx::{AnyConnection, Row};

use crate::ledger::db::{Inner, LedgerError};

/// The subquery for the memories of a job that are not settled.
pub(super) const OPEN: &str = "(SELECT DISTINCT ordinal, table_name, memory_key, memory_id FROM items
    WHERE job_id = $1 AND outcome IN {outcomes.retried})";

/// Removes memories that are not settled from a job's counts.
pub(super) async fn keep(inner: &Inner, tx: &mut AnyConnection, id: &str) -> Result<(), LedgerError> {
    let same =
        "i.job_id = $1 AND i.ordinal = u.ordinal AND i.table_name = u.table_name AND i.memory_key = u.memory_key";
    for sql in [
        // A memory without an item for a store was erased from it.
        format!(
            "-- ledger::retry erased
            INSERT INTO items (job_id, outcome, store, table_name, memory_key, memory_id, code, ordinal)
            SELECT p.job_id, {{outcome.erased}}, s.store, u.table_name, u.memory_key, u.memory_id, NULL, u.ordinal
            FROM {OPEN} u JOIN partitions p ON p.job_id = $1 AND p.ordinal = u.ordinal
            JOIN (SELECT {{store.sql}} AS store UNION ALL SELECT {{store.vector}} AS store) s ON p.stores LIKE '%' || s.store || '%'
            WHERE NOT EXISTS (SELECT 1 FROM items i WHERE {same} AND i.store = s.store AND i.outcome <> {{residue}})
            ON CONFLICT (job_id, outcome, memory_key, table_name, store, ordinal) DO NOTHING"
        ),
        format!(
            "-- ledger::retry open
            UPDATE counts SET n = counts.n - d.n FROM (
                SELECT i.ordinal AS ordinal, i.store AS store, i.outcome AS outcome, COUNT(*) AS n
                FROM items i JOIN {OPEN} u ON {same}
                WHERE i.job_id = $1 AND i.outcome <> {{residue}} AND (i.outcome <> {{outcome.erased}} OR NOT EXISTS (
                    SELECT 1 FROM items o WHERE o.job_id = $1 AND o.ordinal = i.ordinal AND o.table_name = i.table_name
                      AND o.memory_key = i.memory_key AND o.store = i.store AND o.outcome NOT IN ({{outcome.erased}}, {{residue}})))
                GROUP BY i.ordinal, i.store, i.outcome) AS d
            WHERE counts.job_id = $1 AND counts.ordinal = d.ordinal AND counts.store = d.store AND counts.outcome = d.outcome"
        ),
        // Points whose memory is unknown have no items. Their rows were counted as absent.
        "-- ledger::retry nameless
        UPDATE counts SET n = counts.n - d.n FROM (
            SELECT ordinal, store, SUM(n) AS n FROM counts WHERE job_id = $1 AND outcome IN {outcomes.retried} GROUP BY ordinal, store
        ) AS d
        WHERE counts.job_id = $1 AND counts.outcome = {outcome.absent} AND counts.ordinal = d.ordinal AND counts.store <> d.store"
            .to_owned(),
        "-- ledger::retry counts\nDELETE FROM counts WHERE job_id = $1 AND (outcome IN {outcomes.retried} OR n <= 0)".to_owned(),
    ] {
        sqlx::query(inner.sql(&sql)).bind(id).execute(&mut *tx).await?;
    }
    Ok(())
}

/// Deletes the items of memories that are retried.
pub(super) async fn forget_the_rest(inner: &Inner, tx: &mut AnyConnection, id: &str) -> Result<(), LedgerError> {
    for sql in [
        format!(
            "-- ledger::retry absent
            DELETE FROM items WHERE job_id = $1 AND outcome = {{outcome.absent}}
              AND (ordinal, table_name, memory_key) IN (SELECT ordinal, table_name, memory_key FROM {OPEN} u)"
        ),
        "-- ledger::retry items\nDELETE FROM items WHERE job_id = $1 AND outcome NOT IN {outcomes.settled}".to_owned(),
    ] {
        sqlx::query(inner.sql(&sql)).bind(id).execute(&mut *tx).await?;
    }
    Ok(())
}

/// Returns the number of settled memories.
pub(super) async fn count(inner: &Inner, tx: &mut AnyConnection, id: &str) -> Result<i64, LedgerError> {
    let row = sqlx::query(inner.sql(
        "-- ledger::retry settled
        SELECT CAST(COALESCE(SUM(most), 0) AS BIGINT) AS n FROM (
            SELECT ordinal, MAX(n) AS most FROM (
                SELECT ordinal, store, SUM(n) AS n FROM counts
                WHERE job_id = $1 AND outcome IN {outcomes.settled} GROUP BY ordinal, store
            ) AS by_store GROUP BY ordinal
        ) AS by_partition",
    ))
    .bind(id)
    .fetch_one(tx)
    .await?;
    Ok(row.try_get("n")?)
}
