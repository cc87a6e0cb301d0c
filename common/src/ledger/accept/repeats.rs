//! Deduplicating the ids of an upload: later repeats are dropped, so that a memory counts once in its job.
//!
//! This is exact, and takes constant memory for any number of ids. The database sorts the stored ids, spilling to its
//! disk, and streams the repeats in the order of the partitions.

use std::collections::{HashMap, HashSet};

use futures::TryStreamExt;
use serde_json::{Value, json};
use sqlx::{AnyConnection, Executor, Row};

use super::spelling::Spelling;
use super::upload::{Upload, touch};
use crate::ledger::db::{Dialect, Ledger, LedgerError, rows};
use crate::ledger::types::Work;

/// The number of partitions that are written at a time.
const TOGETHER: usize = 16;

/// The bytes of the ids of these partitions, about. The partitions are in memory meanwhile.
const BYTES: usize = 2 << 20;

/// The ids to drop from a partition.
type Repeated = (i64, HashSet<String>);

impl Ledger {
    /// Drops the repeated ids of an upload.
    ///
    /// # Errors
    ///
    /// Fails if the upload was swept meanwhile.
    pub async fn drop_repeats(&self, upload: &mut Upload, spelling: Spelling) -> Result<(), LedgerError> {
        if upload.has_one_part() && spelling == Spelling::Text {
            // Repeats within one partition are dropped before it is stored.
            return Ok(());
        }
        let inner = &self.inner;
        let sql = format!(
            "-- ledger::upload repeats
            SELECT ordinal, id FROM (
                SELECT p.ordinal AS ordinal, e.value AS id,
                    ROW_NUMBER() OVER (PARTITION BY {} {{bytes}} ORDER BY p.ordinal) AS n
                FROM partitions p, {{ids}} WHERE p.job_id = $1
            ) AS x WHERE n > 1 ORDER BY ordinal",
            spelling.key()
        );
        let id = upload.id().to_string();
        let permit = inner.pairs.acquire().await;
        let _permit = permit.map_err(|_| LedgerError::Unavailable(sqlx::Error::PoolClosed))?;
        let (mut whole, mut read);
        let connection: &mut AnyConnection = match inner.dialect {
            Dialect::Postgres => {
                whole = inner.begin().await?;
                // Sorting ten million ids takes longer than the time limit of other statements.
                whole.execute("SET LOCAL statement_timeout = 0").await?;
                &mut whole
            }
            Dialect::Sqlite => {
                read = inner.read.acquire().await?;
                &mut read
            }
        };
        let mut found = sqlx::query(inner.sql(&sql)).bind(&id).fetch(connection);
        let together = (BYTES / upload.largest().max(1)).clamp(1, TOGETHER);
        let mut group: Vec<Repeated> = Vec::with_capacity(together);
        while let Some(row) = found.try_next().await? {
            let ordinal: i64 = row.try_get("ordinal")?;
            if group.last().is_none_or(|(last, _)| *last != ordinal) {
                if group.len() >= together {
                    self.drop_from(upload, &group).await?;
                    group.clear();
                }
                group.push((ordinal, HashSet::new()));
            }
            if let Some((_, ids)) = group.last_mut() {
                ids.insert(row.try_get("id")?);
            }
        }
        self.drop_from(upload, &group).await
    }

    async fn drop_from(&self, upload: &mut Upload, group: &[Repeated]) -> Result<(), LedgerError> {
        if group.is_empty() {
            return Ok(());
        }
        let inner = &self.inner;
        let id = upload.id();
        let repeated: HashMap<i64, &HashSet<String>> = group.iter().map(|(ordinal, ids)| (*ordinal, ids)).collect();
        let ordinals: Vec<Value> = group
            .iter()
            .map(|(ordinal, _)| json!({"job": id, "ordinal": ordinal}))
            .collect();
        let mut tx = inner.begin().await?;
        touch(inner, &mut tx, id, 0).await?;
        let found = sqlx::query(inner.sql(
            "-- ledger::upload repeated
            SELECT p.job_id AS job_id, p.ordinal AS ordinal, p.work AS work FROM {each}
            JOIN partitions p ON p.job_id = e.value->>'job' AND p.ordinal = CAST(e.value->>'ordinal' AS BIGINT)",
        ))
        .bind(json!(ordinals).to_string())
        .fetch_all(&mut *tx)
        .await?;
        let (mut rest, mut memories, mut emptied) = (Vec::with_capacity(found.len()), 0, 0);
        for row in &found {
            let ordinal: i64 = row.try_get("ordinal")?;
            let Work::Ids(mut ids) = rows::work(row)? else { continue };
            let before = ids.len();
            if let Some(repeated) = repeated.get(&ordinal) {
                let kept = ids.iter().filter(|id| !repeated.contains(*id));
                ids = kept.cloned().collect();
            }
            memories += before - ids.len();
            emptied += usize::from(ids.is_empty());
            let n = ids.len();
            rest.push(json!({"job": id, "ordinal": ordinal, "n": n, "work": json!(Work::Ids(ids)).to_string()}));
        }
        let rest = json!(rest).to_string();
        for sql in [
            "-- ledger::upload shorter
            UPDATE partitions SET work = e.value->>'work', size = CAST(e.value->>'n' AS BIGINT),
                remaining = CAST(e.value->>'n' AS BIGINT)
            FROM {each} WHERE partitions.job_id = e.value->>'job' AND ordinal = CAST(e.value->>'ordinal' AS BIGINT)",
            "-- ledger::upload empty
            DELETE FROM partitions WHERE size = 0 AND (job_id, ordinal) IN
                (SELECT e.value->>'job', CAST(e.value->>'ordinal' AS BIGINT) FROM {each})",
        ] {
            sqlx::query(inner.sql(sql)).bind(&rest).execute(&mut *tx).await?;
        }
        tx.commit().await?;
        upload.shrink(memories, emptied);
        Ok(())
    }
}
