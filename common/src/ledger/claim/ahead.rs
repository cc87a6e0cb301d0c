//! What is due, and what will be next: looks into the queue that cost the same however long it is.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use sqlx::Row;

use crate::ledger::accept::{HEAVIEST, LIGHTEST};
use crate::ledger::db::{Ledger, LedgerError};
use crate::ledger::operation::REVISION;
use crate::ledger::types::Ahead;

impl Ledger {
    /// Returns what a worker that has found nothing to do waits for.
    pub async fn ahead(&self) -> Result<Ahead, LedgerError> {
        // One look into the index for each weight, however long the queue is. By a time that is
        // read once: one that moves while the statement runs is no use to an index.
        let soonest = |weight| {
            format!(
                "(SELECT MIN(due_at) FROM partitions
                  WHERE weight = {weight} AND state IN ({{partition.due}}, {{partition.running}}) AND due_at > (SELECT {{now}}))"
            )
        };
        let each: Vec<String> = (LIGHTEST..=HEAVIEST)
            .map(|weight| format!("SELECT {} AS due_at", soonest(weight)))
            .collect();
        let row = sqlx::query(self.inner.sql(&format!(
            "-- ledger::ahead
            SELECT MIN(due_at) - {{now}} AS wait, {REVISION} AS siblings FROM ({}) AS soonest",
            each.join(" UNION ALL ")
        )))
        .fetch_one(&self.inner.read)
        .await?;
        let wait: Option<i64> = row.try_get("wait")?;
        Ok(Ahead {
            due_in_ms: wait.map(|wait| u64::try_from(wait).unwrap_or(0)),
            siblings: row.try_get("siblings")?,
        })
    }

    /// Returns which of these targets have partitions that may be claimed by their time. A claim may still find none:
    /// those of a paused target, or of a mapping that the worker does not have.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Unavailable`] if the database did not answer.
    pub async fn due(&self, targets: &[&str]) -> Result<BTreeSet<String>, LedgerError> {
        // As in `ahead`: a look into the index for each weight. As values, since a planner may turn `EXISTS` into a
        // join that reads the whole queue.
        let each: Vec<String> = (LIGHTEST..=HEAVIEST)
            .map(|weight| {
                format!(
                    "(SELECT MIN(due_at) FROM partitions
                      WHERE target = e.value->>'target' AND weight = {weight} AND state IN ({{partition.due}}, {{partition.running}}))
                     <= (SELECT {{now}})"
                )
            })
            .collect();
        let targets: Vec<Value> = targets.iter().map(|target| json!({"target": target})).collect();
        let rows = sqlx::query(self.inner.sql(&format!(
            "-- ledger::due
            SELECT e.value->>'target' AS target FROM {{each}} WHERE {}",
            each.join(" OR ")
        )))
        .bind(json!(targets).to_string())
        .fetch_all(&self.inner.read)
        .await?;
        rows.iter().map(|row| Ok(row.try_get("target")?)).collect()
    }
}
