//! Tasks: unfinished deletions by query, as OpenSearch's clients list and cancel them.

use uuid::Uuid;

use super::job::Whose;
use crate::job::JobId;
use crate::ledger::db::{Ledger, LedgerError, rows};

/// The greatest id. No job has it. A bound that is always there lets the database begin at the cursor.
const LAST: JobId = JobId(Uuid::max());

impl Ledger {
    /// Returns the ids of tasks, the newest first: unfinished deletions by query, without dry runs. `after` is the
    /// cursor: only tasks accepted before it.
    // Ids only: a caller may search a million tasks for a few.
    pub async fn tasks(&self, whose: &Whose, after: Option<JobId>, limit: u32) -> Result<Vec<JobId>, LedgerError> {
        let (principal, targets) = whose.parts();
        let found = sqlx::query(self.inner.sql(
            "-- ledger::tasks
            SELECT id FROM jobs
            WHERE ended_at IS NULL AND kind = {selector.query} AND dry_run = 0 AND id < $3
              AND ($2 = '' OR principal = $2 OR target IN (SELECT e.value->>'t' FROM {each})
                   OR target IS NULL AND EXISTS (SELECT 1 FROM {each}))
            ORDER BY id DESC LIMIT $4",
        ))
        .bind(targets)
        .bind(principal)
        .bind(after.unwrap_or(LAST).to_string())
        .bind(i64::from(limit))
        .fetch_all(&self.inner.read)
        .await?;
        found.iter().map(|row| rows::parsed(row, "jobs", "id")).collect()
    }
}
