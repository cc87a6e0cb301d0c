//! Items: the memories of jobs that were not simply erased, listed by id.

use std::collections::HashSet;

use serde::Serialize;
use serde_json::{Value, json};
use sqlx::Row;

use crate::error_code::StoredCode;
use crate::filter::Filter;
use crate::job::{JobId, Outcome, StoreKind};
use crate::ledger::db::{Ledger, LedgerError, rows};
use crate::ledger::types::{Lease, key, listed};

/// A memory that was not simply erased.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ItemRow {
    /// The memory's id.
    pub id: String,
    /// The mapped table's name.
    pub table: String,
    /// The store.
    pub store: String,
    /// The outcome.
    pub outcome: String,
    /// The reason for the outcome.
    pub code: Option<StoredCode>,
    /// The number of its partition in the job. It tells apart memories of two targets with the same table and id.
    pub ordinal: i64,
}

/// The place of an item in the list of its job's items. The default is before the first one.
// Personal data: no `Debug`.
#[derive(Clone, Copy, Default)]
pub struct ItemCursor<'a> {
    /// The memory's id.
    pub id: &'a str,
    /// The mapped table's name.
    pub table: &'a str,
    /// The store.
    pub store: &'a str,
    /// The number of its partition.
    pub ordinal: i64,
}

impl ItemRow {
    /// Returns the place of the item.
    pub fn cursor(&self) -> ItemCursor<'_> {
        ItemCursor {
            id: &self.id,
            table: &self.table,
            store: &self.store,
            ordinal: self.ordinal,
        }
    }
}

impl Ledger {
    /// Returns the filter of a job by query, unless it was forgotten.
    pub async fn filter(&self, id: JobId) -> Result<Option<Filter>, LedgerError> {
        let row = sqlx::query(
            self.inner
                .sql("-- ledger::filter\nSELECT query FROM jobs WHERE id = $1 AND query IS NOT NULL"),
        )
        .bind(id.to_string())
        .fetch_optional(&self.inner.read)
        .await?;
        row.map(|row| rows::json(&row, "jobs", "query")).transpose()
    }

    /// Returns a page of a job's items with an outcome (or `residue`), in a stable order. `after` is the
    /// [cursor](ItemRow::cursor) of the last item of the page before.
    pub async fn items(
        &self,
        id: JobId,
        outcome: &str,
        after: ItemCursor<'_>,
        limit: u32,
    ) -> Result<Vec<ItemRow>, LedgerError> {
        let found = sqlx::query(self.inner.sql(
            "-- ledger::items
            SELECT COALESCE(memory_id, memory_key) AS memory_id, table_name, store, outcome, code, ordinal FROM items
            WHERE job_id = $1 AND outcome = $2 AND (memory_key, table_name, store, ordinal) > ($3, $4, $5, $6)
            ORDER BY memory_key, table_name, store, ordinal LIMIT $7",
        ))
        .bind(id.to_string())
        .bind(outcome)
        .bind(key(after.id).as_ref())
        .bind(after.table)
        .bind(after.store)
        .bind(after.ordinal)
        .bind(i64::from(limit))
        .fetch_all(&self.inner.read)
        .await?;
        found
            .iter()
            .map(|row| {
                Ok(ItemRow {
                    id: row.try_get("memory_id")?,
                    table: row.try_get("table_name")?,
                    store: row.try_get("store")?,
                    outcome: row.try_get("outcome")?,
                    code: rows::code(row, "code")?,
                    ordinal: row.try_get("ordinal")?,
                })
            })
            .collect()
    }

    /// Returns the number of memories of a job by ids that lost only their vectors. Their rows were absent, or stayed.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Unavailable`] if the database did not answer.
    pub async fn erased_as_vectors_only(&self, id: JobId) -> Result<u64, LedgerError> {
        let row = sqlx::query(self.inner.sql(
            "-- ledger::items vectors only
            SELECT COUNT(*) AS n FROM (
                SELECT memory_key FROM items WHERE job_id = $1 GROUP BY memory_key, table_name
                HAVING SUM(CASE WHEN store = {store.sql} AND outcome <> {residue} THEN 1 ELSE 0 END) > 0
                   AND SUM(CASE WHEN store = {store.sql} AND outcome = {residue} THEN 1 ELSE 0 END) = 0
                   AND SUM(CASE WHEN store = {store.vector} AND outcome <> {residue} THEN 1 ELSE 0 END) = 0
            ) AS only_vectors",
        ))
        .bind(id.to_string())
        .fetch_one(&self.inner.read)
        .await?;
        rows::number(&row, "n")
    }

    /// Returns the memories of `ids` that a job has recorded as conflicted in the lease's target, in the store that
    /// decides: the SQL store, or the vector store if the table has no rows.
    pub async fn conflicted(&self, lease: &Lease, ids: &[String]) -> Result<HashSet<String>, LedgerError> {
        let decides = if lease.stores.contains(&StoreKind::Sql) {
            StoreKind::Sql
        } else {
            StoreKind::Vector
        };
        self.recorded(lease, Outcome::Conflicted, decides, ids).await
    }

    /// Returns the memories of `ids` that a job has recorded with this outcome in this store of the lease's target.
    ///
    /// # Errors
    ///
    /// Fails if the database did not answer.
    pub async fn recorded(
        &self,
        lease: &Lease,
        outcome: Outcome,
        store: StoreKind,
        ids: &[String],
    ) -> Result<HashSet<String>, LedgerError> {
        let keys: Vec<String> = ids.iter().map(|id| key(&listed(id)).into_owned()).collect();
        let list: Vec<Value> = keys.iter().map(|key| json!({"key": key})).collect();
        let found = sqlx::query(self.inner.sql(
            "-- ledger::recorded
            SELECT memory_key FROM items
            WHERE job_id = $2 AND outcome = $5 AND table_name = $3 AND store = $4
              AND memory_key IN (SELECT e.value->>'key' FROM {each})
              AND EXISTS (SELECT 1 FROM partitions p
                  WHERE p.job_id = items.job_id AND p.ordinal = items.ordinal AND p.target = $6)",
        ))
        .bind(json!(list).to_string())
        .bind(lease.job.id.to_string())
        .bind(&lease.route.table)
        .bind(store.as_str())
        .bind(outcome.as_str())
        .bind(&lease.route.target)
        .fetch_all(&self.inner.read)
        .await?;
        let found: HashSet<String> = found.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?;
        let asked = ids.iter().zip(&keys);
        Ok(asked
            .filter(|(_, key)| found.contains(*key))
            .map(|(id, _)| id.clone())
            .collect())
    }
}
