//! The counts of a job, by slice.
//!
//! A slice is a share of the job's partitions. They are assigned in turn to as many slices as the caller
//! asked for. The counts of a slice are the counts of its partitions.
//! Workers know nothing of slices. A forgotten job has no slices, since its partitions are deleted.

use std::collections::{BTreeMap, HashMap};

use serde_json::json;
use sqlx::Row;

use crate::job::{JobId, Outcome, StoreKind};
use crate::ledger::db::{Ledger, LedgerError, RESIDUE, rows};
use crate::ledger::partition_state::PartitionState;

/// The counts of one slice.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SliceCounts {
    /// Memories not accounted for yet, in each store.
    pub remaining: u64,
    /// Memories by outcome, in each store; `residue` beside the outcomes.
    pub stores: BTreeMap<StoreKind, BTreeMap<String, u64>>,
}

impl SliceCounts {
    /// Returns the number of memories with an outcome. A memory in two stores counts once.
    pub fn most(&self, outcome: &str) -> u64 {
        let counts = self.stores.values().filter_map(|counts| counts.get(outcome));
        counts.copied().max().unwrap_or(0)
    }

    /// Returns the number of memories that are accounted for.
    pub fn accounted(&self) -> u64 {
        let outcomes = |counts: &BTreeMap<String, u64>| {
            let outcomes = counts.iter().filter(|(outcome, _)| *outcome != RESIDUE);
            outcomes.map(|(_, n)| n).sum()
        };
        self.stores.values().map(outcomes).max().unwrap_or(0)
    }

    fn add(&mut self, store: StoreKind, outcome: &str, n: u64) {
        if n > 0 {
            let counts = self.stores.entry(store).or_default();
            *counts.entry(outcome.to_owned()).or_insert(0) += n;
        }
    }
}

impl Ledger {
    /// Returns the slices of jobs. Jobs without slices are skipped.
    // One statement, so that all numbers are of one moment.
    pub async fn slices(&self, jobs: &[JobId]) -> Result<HashMap<JobId, Vec<SliceCounts>>, LedgerError> {
        let ids: Vec<_> = jobs.iter().map(|id| json!({"id": id})).collect();
        // The first partition is the plan. The residue that reading it back finds counts in the last slice.
        let found = sqlx::query(self.inner.sql(
            "-- ledger::slices
            SELECT j.id AS id, j.slices AS slices, (p.ordinal + j.slices - 1) % j.slices AS slice, p.stores AS stores,
                CAST(1 AS BIGINT) AS is_partition, p.state AS what, CAST(SUM(p.remaining) AS BIGINT) AS n
            FROM jobs j JOIN partitions p ON p.job_id = j.id
            WHERE j.slices IS NOT NULL AND j.id {in_ids}
            GROUP BY j.id, j.slices, (p.ordinal + j.slices - 1) % j.slices, p.stores, p.state
            UNION ALL
            SELECT j.id AS id, j.slices AS slices, (c.ordinal + j.slices - 1) % j.slices AS slice, c.store AS stores,
                CAST(0 AS BIGINT) AS is_partition, c.outcome AS what, CAST(SUM(c.n) AS BIGINT) AS n
            FROM jobs j JOIN counts c ON c.job_id = j.id
            WHERE j.slices IS NOT NULL AND j.id {in_ids}
            GROUP BY j.id, j.slices, (c.ordinal + j.slices - 1) % j.slices, c.store, c.outcome",
        ))
        .bind(json!(ids).to_string())
        .fetch_all(&self.inner.read)
        .await?;
        let mut by_job: HashMap<JobId, Vec<SliceCounts>> = HashMap::new();
        for row in &found {
            let slices = by_job.entry(rows::parsed(row, "jobs", "id")?).or_default();
            slices.resize(rows::small_number(row, "slices")? as usize, SliceCounts::default());
            let Some(slice) = slices.get_mut(rows::small_number(row, "slice")? as usize) else {
                continue;
            };
            let (what, n): (String, u64) = (row.try_get("what")?, rows::number(row, "n")?);
            let is_partition = rows::number(row, "is_partition")? == 1;
            let outcome = match (is_partition, what.parse()) {
                (false, _) => what.as_str(),
                // Memories of the partition that no batch reached.
                (true, Ok(PartitionState::Failed)) => Outcome::Failed.as_str(),
                (true, Ok(PartitionState::Cancelled)) => Outcome::Left.as_str(),
                (true, Ok(PartitionState::Done)) => continue,
                (true, _) => {
                    slice.remaining += n;
                    continue;
                }
            };
            for store in rows::stores(row)? {
                slice.add(store, outcome, n);
            }
        }
        Ok(by_job)
    }
}
