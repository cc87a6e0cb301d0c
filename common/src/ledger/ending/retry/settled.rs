//! The memories that an attempt settled, from the counts of its partitions and the memories that it listed.
//!
//! A memory that failed in one store may have been erased from the other. It is retried in both, and counted once it
//! is settled. So it leaves all counts here, and the ledger remembers the store from which it was erased. If the next
//! attempt finds it absent there, it counts as erased again.

use sqlx::{AnyConnection, Row};

use crate::ledger::db::{Inner, LedgerError};

/// The memories with which the next attempt begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::ledger::ending) enum Open {
    /// Those that are not settled: a retry.
    Unsettled,
    /// Those that holds kept: a held job goes on.
    Held,
}

impl Open {
    /// Returns the condition on the outcome of these memories.
    fn outcome(self) -> &'static str {
        match self {
            Self::Unsettled => "IN {outcomes.retried}",
            Self::Held => "= {outcome.held}",
        }
    }

    /// Returns the condition on the outcome of the memories that stay counted.
    fn counted(self) -> &'static str {
        match self {
            Self::Unsettled => "IN {outcomes.settled}",
            Self::Held => "<> {residue}",
        }
    }

    /// Returns the subquery for these memories of a job.
    pub(in crate::ledger::ending) fn memories(self) -> String {
        format!(
            "(SELECT DISTINCT ordinal, table_name, memory_key, memory_id FROM items WHERE job_id = $1 AND outcome {})",
            self.outcome()
        )
    }
}

/// Removes the memories with which the next attempt begins from a job's counts.
pub(in crate::ledger::ending) async fn keep(
    inner: &Inner,
    tx: &mut AnyConnection,
    id: &str,
    which: Open,
) -> Result<(), LedgerError> {
    for sql in kept(which) {
        sqlx::query(inner.sql(&sql)).bind(id).execute(&mut *tx).await?;
    }
    Ok(())
}

/// Returns the statements of [`keep`].
// They name each outcome, though `<> {residue}` says the same: with the outcome, an item is one lookup in the primary key.
// Without it, each lookup would read all items of the job, and a job may have a million.
fn kept(which: Open) -> [String; 4] {
    let (open, outcome) = (which.memories(), which.outcome());
    let same =
        "i.job_id = $1 AND i.ordinal = u.ordinal AND i.table_name = u.table_name AND i.memory_key = u.memory_key";
    [
        // A memory without an item for a store was erased from it.
        format!(
            "-- ledger::retry erased
            INSERT INTO items (job_id, outcome, store, table_name, memory_key, memory_id, code, ordinal)
            SELECT p.job_id, {{outcome.erased}}, s.store, u.table_name, u.memory_key, u.memory_id, NULL, u.ordinal
            FROM {open} u JOIN partitions p ON p.job_id = $1 AND p.ordinal = u.ordinal
            JOIN (SELECT {{store.sql}} AS store UNION ALL SELECT {{store.vector}} AS store) s ON p.stores LIKE '%' || s.store || '%'
            WHERE NOT EXISTS (SELECT 1 FROM items i WHERE {same} AND i.store = s.store AND i.outcome IN {{outcomes.all}})
            ON CONFLICT (job_id, outcome, memory_key, table_name, store, ordinal) DO NOTHING"
        ),
        format!(
            "-- ledger::retry open
            UPDATE counts SET n = counts.n - d.n FROM (
                SELECT i.ordinal AS ordinal, i.store AS store, i.outcome AS outcome, COUNT(*) AS n
                FROM items i JOIN {open} u ON {same}
                WHERE i.outcome IN {{outcomes.all}} AND (i.outcome <> {{outcome.erased}} OR NOT EXISTS (
                    SELECT 1 FROM items o WHERE o.job_id = $1 AND o.ordinal = i.ordinal AND o.table_name = i.table_name
                      AND o.memory_key = i.memory_key AND o.store = i.store AND o.outcome IN {{outcomes.all}} AND o.outcome <> {{outcome.erased}}))
                GROUP BY i.ordinal, i.store, i.outcome) AS d
            WHERE counts.job_id = $1 AND counts.ordinal = d.ordinal AND counts.store = d.store AND counts.outcome = d.outcome"
        ),
        // Points whose memory is unknown have no items, and several points of one memory have one. Their rows were counted
        // as absent.
        format!(
            "-- ledger::retry nameless
            UPDATE counts SET n = counts.n - d.n FROM (
                SELECT ordinal, store, SUM(n) AS n FROM counts WHERE job_id = $1 AND outcome {outcome} GROUP BY ordinal, store
            ) AS d
            WHERE counts.job_id = $1 AND counts.outcome = {{outcome.absent}} AND counts.ordinal = d.ordinal AND counts.store <> d.store"
        ),
        format!("-- ledger::retry counts\nDELETE FROM counts WHERE job_id = $1 AND (outcome {outcome} OR n <= 0)"),
    ]
}

/// Deletes the items of memories that are retried.
pub(super) async fn forget_the_rest(inner: &Inner, tx: &mut AnyConnection, id: &str) -> Result<(), LedgerError> {
    let open = Open::Unsettled.memories();
    for sql in [
        format!(
            "-- ledger::retry absent
            DELETE FROM items WHERE job_id = $1 AND outcome = {{outcome.absent}}
              AND (ordinal, table_name, memory_key) IN (SELECT ordinal, table_name, memory_key FROM {open} u)"
        ),
        "-- ledger::retry items\nDELETE FROM items WHERE job_id = $1 AND outcome NOT IN {outcomes.settled}".to_owned(),
    ] {
        sqlx::query(inner.sql(&sql)).bind(id).execute(&mut *tx).await?;
    }
    Ok(())
}

/// Deletes the items of memories that holds kept. Those of the outcome `erased` stay, as after a retry.
pub(in crate::ledger::ending) async fn forget_held(
    inner: &Inner,
    tx: &mut AnyConnection,
    id: &str,
) -> Result<(), LedgerError> {
    let held = Open::Held.memories();
    let sql = format!(
        "-- ledger::requeue items
        DELETE FROM items WHERE job_id = $1 AND outcome <> {{outcome.erased}}
          AND (ordinal, table_name, memory_key) IN (SELECT ordinal, table_name, memory_key FROM {held} u)"
    );
    sqlx::query(inner.sql(&sql)).bind(id).execute(tx).await?;
    Ok(())
}

/// Returns the number of memories that stay counted.
pub(super) async fn count(inner: &Inner, tx: &mut AnyConnection, id: &str, which: Open) -> Result<i64, LedgerError> {
    let row = sqlx::query(inner.sql(&format!(
        "-- ledger::retry settled
        SELECT CAST(COALESCE(SUM(most), 0) AS BIGINT) AS n FROM (
            SELECT ordinal, MAX(n) AS most FROM (
                SELECT ordinal, store, SUM(n) AS n FROM counts
                WHERE job_id = $1 AND outcome {} GROUP BY ordinal, store
            ) AS by_store GROUP BY ordinal
        ) AS by_partition",
        which.counted()
    )))
    .bind(id)
    .fetch_one(tx)
    .await?;
    Ok(row.try_get("n")?)
}

#[cfg(test)]
mod tests {
    use sqlx::{AssertSqlSafe, Row};

    use super::{Open, kept};
    use crate::config::Config;
    use crate::ledger::{Ledger, LedgerOptions};

    #[tokio::test]
    async fn an_item_is_one_lookup_however_many_the_job_has() {
        let dir = tempfile::tempdir().unwrap();
        let ledger = Ledger::open(LedgerOptions {
            url: format!("sqlite://{}?mode=rwc", dir.path().join("ledger.sqlite").display()).into(),
            ..LedgerOptions::from(&Config::default())
        })
        .unwrap();
        ledger.migrate().await.unwrap();
        for which in [Open::Unsettled, Open::Held] {
            let (mut listed, mut looked_up) = (0, 0);
            for text in kept(which) {
                let text = format!("EXPLAIN QUERY PLAN {}", ledger.inner.dialect.text(&text));
                let rows = sqlx::query(AssertSqlSafe(text))
                    .bind("job")
                    .fetch_all(&ledger.inner.read)
                    .await
                    .unwrap();
                let steps: Vec<String> = rows.iter().map(|row| row.get("detail")).collect();
                for step in &steps {
                    let of = |table: &str| step.starts_with(&format!("SEARCH {table} USING "));
                    if of("items") {
                        assert!(step.contains("(job_id=? AND outcome=?)"), "{steps:?}");
                        listed += 1;
                    } else if of("i") || of("o") {
                        assert!(step.contains("outcome=? AND memory_key=?"), "{steps:?}");
                        looked_up += 1;
                    }
                }
            }
            assert_eq!((listed, looked_up), (2, 3), "{which:?}");
        }
    }
}
