//! What became of the memories of jobs, by store: as numbers, from what was recorded and what never ran.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};
use sqlx::{AnyConnection, Row};

use crate::job::{Outcome, StoreKind};
use crate::ledger::db::{Inner, Ledger, LedgerError, rows};
use crate::ledger::partition_state::PartitionState;

/// What became of a job's memories in one store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoreCounts {
    /// The target.
    pub target: String,
    /// The store.
    pub store: StoreKind,
    /// Memories by outcome; `residue` beside the outcomes.
    pub counts: BTreeMap<String, u64>,
    /// Rows of dependent tables that went with them, by table; of the SQL database.
    #[serde(default)]
    pub dependents: BTreeMap<String, u64>,
}

impl Ledger {
    /// Returns the counts of jobs: what was recorded, and what failed or was left without running.
    pub(super) async fn counts_of(&self, ids: &str) -> Result<HashMap<String, Vec<StoreCounts>>, LedgerError> {
        let mut read = self.inner.read.acquire().await?;
        counts_in(&self.inner, &mut read, ids).await
    }
}

/// Returns the counts of jobs as a connection sees them.
pub(in crate::ledger) async fn counts_in(
    inner: &Inner,
    tx: &mut AnyConnection,
    ids: &str,
) -> Result<HashMap<String, Vec<StoreCounts>>, LedgerError> {
    let mut found: BTreeMap<(String, String, StoreKind), BTreeMap<String, u64>> = BTreeMap::new();
    let partitions = sqlx::query(inner.sql(
        "-- ledger::counts partitions
            SELECT job_id, target, stores, state, CAST(SUM(remaining) AS BIGINT) AS n FROM partitions
            WHERE job_id {in_ids} GROUP BY job_id, target, stores, state",
    ))
    .bind(ids)
    .fetch_all(&mut *tx)
    .await?;
    for row in &partitions {
        let outcome = match row.try_get::<String, _>("state")?.parse() {
            Ok(PartitionState::Failed) => Some(Outcome::Failed),
            Ok(PartitionState::Cancelled) => Some(Outcome::Left),
            _ => None,
        };
        let n = rows::number(row, "n")?;
        for store in rows::stores(row)? {
            let counts = found
                .entry((row.try_get("job_id")?, row.try_get("target")?, store))
                .or_default();
            if let Some(outcome) = outcome.filter(|_| n > 0) {
                *counts.entry(outcome.as_str().to_owned()).or_insert(0) += n;
            }
        }
    }
    let counts = sqlx::query(inner.sql(
        "-- ledger::counts
            SELECT c.job_id AS job_id, p.target AS target, c.store AS store, c.outcome AS outcome,
                CAST(SUM(c.n) AS BIGINT) AS n
            FROM counts c JOIN partitions p ON p.job_id = c.job_id AND p.ordinal = c.ordinal
            WHERE c.job_id {in_ids} AND p.job_id {in_ids}
            GROUP BY c.job_id, p.target, c.store, c.outcome",
    ))
    .bind(ids)
    .fetch_all(&mut *tx)
    .await?;
    for row in &counts {
        let store = rows::parsed(row, "counts", "store")?;
        let counts = found
            .entry((row.try_get("job_id")?, row.try_get("target")?, store))
            .or_default();
        *counts.entry(row.try_get("outcome")?).or_insert(0) += rows::number(row, "n")?;
    }
    let mut dependents = dependents_in(inner, tx, ids).await?;
    let mut by_job: HashMap<String, Vec<StoreCounts>> = HashMap::new();
    for ((job, target, store), counts) in found {
        let key = (job, target);
        let dependents = match store {
            StoreKind::Sql => dependents.remove(&key).unwrap_or_default(),
            StoreKind::Vector => BTreeMap::new(),
        };
        let (job, target) = key;
        by_job.entry(job).or_default().push(StoreCounts {
            target,
            store,
            counts,
            dependents,
        });
    }
    Ok(by_job)
}

/// Returns what went of dependent tables, by job and target.
async fn dependents_in(
    inner: &Inner,
    tx: &mut AnyConnection,
    ids: &str,
) -> Result<BTreeMap<(String, String), BTreeMap<String, u64>>, LedgerError> {
    let rows = sqlx::query(inner.sql(
        "-- ledger::counts dependents
        SELECT job_id, target, table_name, n FROM dependents
        WHERE job_id {in_ids}",
    ))
    .bind(ids)
    .fetch_all(tx)
    .await?;
    let mut dependents: BTreeMap<(String, String), BTreeMap<String, u64>> = BTreeMap::new();
    for row in &rows {
        let of_target = dependents.entry((row.try_get("job_id")?, row.try_get("target")?));
        of_target
            .or_default()
            .insert(row.try_get("table_name")?, rows::number(row, "n")?);
    }
    Ok(dependents)
}
