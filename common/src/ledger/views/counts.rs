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

/// A row of the counts of a job, as [`counts_text`] returns it.
#[derive(Serialize, Deserialize)]
pub(in crate::ledger) struct CountRow {
    /// 0: partitions of one state; the number of memories that remain in them. 1: memories of one outcome. 2: rows of one
    /// dependent table.
    source: i64,
    target: String,
    /// The store, or those of the partitions.
    stores: String,
    /// The state, the outcome or the table.
    word: String,
    n: u64,
}

impl CountRow {
    /// Returns the row of memories with an outcome in a store.
    pub(in crate::ledger) fn memories(target: &str, store: &str, outcome: &str, n: u64) -> Self {
        Self {
            source: 1,
            target: target.to_owned(),
            stores: store.to_owned(),
            word: outcome.to_owned(),
            n,
        }
    }

    fn read(row: &AnyRow) -> Result<Self, LedgerError> {
        Ok(Self {
            source: row.try_get("source")?,
            target: row.try_get("target")?,
            stores: row.try_get("stores")?,
            word: row.try_get("word")?,
            n: rows::number(row, "n")?,
        })
    }
}

/// The counts of one job while its rows are read.
#[derive(Default)]
pub(in crate::ledger) struct Counted(BTreeMap<(String, StoreKind), StoreCounts>);

impl Counted {
    /// Adds a row. Returns `None` if it names no known store.
    pub(in crate::ledger) fn add(&mut self, row: &CountRow) -> Option<()> {
        let stores: Vec<StoreKind> = match row.source {
            0 => rows::stores_in(&row.stores),
            _ => vec![row.stores.parse().ok()?],
        };
        for store in stores {
            let of_store = || StoreCounts {
                target: row.target.clone(),
                store,
                counts: BTreeMap::new(),
                dependents: BTreeMap::new(),
            };
            let met = self.0.entry((row.target.clone(), store)).or_insert_with(of_store);
            match row.source {
                0 => {
                    if let Some(outcome) = never_run(&row.word).filter(|_| row.n > 0) {
                        *met.counts.entry(outcome.as_str().to_owned()).or_insert(0) += row.n;
                    }
                }
                1 => *met.counts.entry(row.word.clone()).or_insert(0) += row.n,
                _ => drop(met.dependents.insert(row.word.clone(), row.n)),
            }
        }
        Some(())
    }

    /// Returns the counts by target and store.
    pub(in crate::ledger) fn stores(self) -> Vec<StoreCounts> {
        self.0.into_values().collect()
    }
}

/// Returns the statement of the counts of jobs. `of` is the condition on the id of a job.
// One statement: a waiting caller reads the counts when its job ends, and three round trips cost more than the query.
pub(in crate::ledger) fn counts_text(of: &str) -> String {
    format!(
        "SELECT CAST(0 AS BIGINT) AS source, job_id, target, stores, state AS word, CAST(SUM(remaining) AS BIGINT) AS n
        FROM partitions WHERE job_id {of} GROUP BY job_id, target, stores, state
        UNION ALL
        SELECT CAST(1 AS BIGINT), c.job_id, p.target, c.store, c.outcome, CAST(SUM(c.n) AS BIGINT)
        FROM counts c JOIN partitions p ON p.job_id = c.job_id AND p.ordinal = c.ordinal
        WHERE c.job_id {of} AND p.job_id {of} GROUP BY c.job_id, p.target, c.store, c.outcome
        UNION ALL
        SELECT CAST(2 AS BIGINT), job_id, target, {{store.sql}}, table_name, n FROM dependents WHERE job_id {of}"
    )
}

/// Returns the counts of jobs as a connection sees them.
pub(in crate::ledger) async fn counts_in(
    inner: &Inner,
    tx: &mut AnyConnection,
    ids: &str,
) -> Result<HashMap<String, Vec<StoreCounts>>, LedgerError> {
    let text = format!("-- ledger::counts\n{}", counts_text("{in_ids}"));
    let read = sqlx::query(inner.sql(&text)).bind(ids).fetch_all(tx).await?;
    let mut by_job: HashMap<String, Counted> = HashMap::new();
    for row in &read {
        let job: String = row.try_get("job_id")?;
        let corrupt = || LedgerError::Corrupt {
            table: "counts",
            column: "stores",
            row: job.clone(),
        };
        let counted = by_job.entry(job.clone()).or_default();
        counted.add(&CountRow::read(row)?).ok_or_else(corrupt)?;
    }
    Ok(by_job
        .into_iter()
        .map(|(job, counted)| (job, counted.stores()))
        .collect())
}

/// Returns the outcome of the memories that remain in partitions of a state.
fn never_run(state: &str) -> Option<Outcome> {
    match state.parse() {
        Ok(PartitionState::Failed) => Some(Outcome::Failed),
        Ok(PartitionState::Cancelled) => Some(Outcome::Left),
        _ => None,
    }
}
