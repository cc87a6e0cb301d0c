//! The counts of jobs, by store and outcome: from records, and from partitions that never ran.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row};

use crate::job::{Outcome, StoreKind};
use crate::ledger::db::{Inner, LedgerError, rows};
use crate::ledger::partition_state::PartitionState;

/// The counts of a job's memories in one store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoreCounts {
    /// The target.
    pub target: String,
    /// The store.
    pub store: StoreKind,
    /// Memories by outcome; `residue` beside the outcomes.
    pub counts: BTreeMap<String, u64>,
    /// Rows deleted with them from dependent tables, by table. Only the SQL store has these.
    #[serde(default)]
    pub dependents: BTreeMap<String, u64>,
}

/// Returns the counts of jobs: recorded memories, and memories that failed or were left without running.
pub(super) async fn counts_of(inner: &Inner, ids: &str) -> Result<HashMap<String, Vec<StoreCounts>>, LedgerError> {
    let mut read = inner.read.acquire().await?;
    counts_in(inner, &mut read, ids).await
}

/// The table from which a row of the counts comes. It decides the meaning of the row's word.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Source {
    /// Partitions of one state; the number of memories that remain in them.
    Partitions,
    /// Memories of one outcome.
    Counts,
    /// Rows of one dependent table.
    Dependents,
}

impl Source {
    fn of(row: &AnyRow) -> Result<Self, LedgerError> {
        Ok(match row.try_get::<i64, _>("source")? {
            0 => Self::Partitions,
            1 => Self::Counts,
            _ => Self::Dependents,
        })
    }
}

/// Returns the counts of jobs as a connection sees them.
// One statement: a waiting caller reads the counts when its job ends, and three round trips cost more than the query.
pub(in crate::ledger) async fn counts_in(
    inner: &Inner,
    tx: &mut AnyConnection,
    ids: &str,
) -> Result<HashMap<String, Vec<StoreCounts>>, LedgerError> {
    let read = sqlx::query(inner.sql(
        "-- ledger::counts
        SELECT CAST(0 AS BIGINT) AS source, job_id, target, stores, state AS word, CAST(SUM(remaining) AS BIGINT) AS n
        FROM partitions WHERE job_id {in_ids} GROUP BY job_id, target, stores, state
        UNION ALL
        SELECT CAST(1 AS BIGINT), c.job_id, p.target, c.store, c.outcome, CAST(SUM(c.n) AS BIGINT)
        FROM counts c JOIN partitions p ON p.job_id = c.job_id AND p.ordinal = c.ordinal
        WHERE c.job_id {in_ids} AND p.job_id {in_ids} GROUP BY c.job_id, p.target, c.store, c.outcome
        UNION ALL
        SELECT CAST(2 AS BIGINT), job_id, target, {store.sql}, table_name, n FROM dependents WHERE job_id {in_ids}",
    ))
    .bind(ids)
    .fetch_all(tx)
    .await?;
    let mut found: BTreeMap<(String, String, StoreKind), StoreCounts> = BTreeMap::new();
    for row in &read {
        let (job, target): (String, String) = (row.try_get("job_id")?, row.try_get("target")?);
        let (word, n): (String, u64) = (row.try_get("word")?, rows::number(row, "n")?);
        let source = Source::of(row)?;
        let stores = match source {
            Source::Partitions => rows::stores(row)?,
            Source::Counts | Source::Dependents => vec![rows::parsed(row, "counts", "stores")?],
        };
        for store in stores {
            let of_store = || StoreCounts {
                target: target.clone(),
                store,
                counts: BTreeMap::new(),
                dependents: BTreeMap::new(),
            };
            let key = (job.clone(), target.clone(), store);
            let met = found.entry(key).or_insert_with(of_store);
            match source {
                Source::Partitions => {
                    if let Some(outcome) = never_run(&word).filter(|_| n > 0) {
                        *met.counts.entry(outcome.as_str().to_owned()).or_insert(0) += n;
                    }
                }
                Source::Counts => *met.counts.entry(word.clone()).or_insert(0) += n,
                Source::Dependents => drop(met.dependents.insert(word.clone(), n)),
            }
        }
    }
    let mut by_job: HashMap<String, Vec<StoreCounts>> = HashMap::new();
    for ((job, ..), counts) in found {
        by_job.entry(job).or_default().push(counts);
    }
    Ok(by_job)
}

/// Returns the outcome of the memories that remain in partitions of a state.
fn never_run(state: &str) -> Option<Outcome> {
    match state.parse() {
        Ok(PartitionState::Failed) => Some(Outcome::Failed),
        Ok(PartitionState::Cancelled) => Some(Outcome::Left),
        _ => None,
    }
}
