//! The ids that a job lists, for a request that repeats it.

use sqlx::Row;

use crate::job::JobId;
use crate::ledger::db::{Ledger, LedgerError, rows};
use crate::ledger::types::Work;

/// The most partitions that are read. Each may hold a batch of ids.
// The first one has them, unless an upload repeated most of its ids.
const PARTITIONS: usize = 4;

/// The first ids that a job lists. The ledger deletes them when the job's retention has passed.
// Personal data: no `Debug`.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct ListedIds {
    /// The ids, each once, in the order of the request.
    pub ids: Vec<String>,
    /// Whether the job lists more of them.
    pub more: bool,
    /// The kind that the memories must have.
    pub memory_kind: Option<String>,
}

impl Ledger {
    /// Returns the first ids that a job lists, at most `most`. A job by subject or by query lists none, nor does one whose
    /// retention has passed.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Unavailable`] if the database did not answer.
    // A retry adds partitions with ids of the others, and so does the release of a hold. The first one that is read back, or
    // was before a release, is an original one, and the other original ones are like it.
    pub async fn first_ids(&self, id: JobId, most: usize) -> Result<ListedIds, LedgerError> {
        let found = sqlx::query(self.inner.sql(&format!(
            "-- ledger::first ids
            SELECT p.job_id AS job_id, p.ordinal AS ordinal, p.work AS work, j.memory_kind AS memory_kind
            FROM jobs j JOIN partitions p ON p.job_id = j.id
            WHERE j.id = $1 AND j.kind = {{selector.ids}} AND j.forgotten_at IS NULL AND p.job_id = $1
                AND p.reads_back > 0 AND p.reads_back =
                    (SELECT q.reads_back FROM partitions q WHERE q.job_id = $1 AND q.reads_back > 0 ORDER BY q.ordinal LIMIT 1)
            ORDER BY p.ordinal LIMIT {}",
            PARTITIONS + 1
        )))
        .bind(id.to_string())
        .fetch_all(&self.inner.read)
        .await?;
        let mut listed = ListedIds {
            more: found.len() > PARTITIONS,
            ..ListedIds::default()
        };
        for row in found.iter().take(PARTITIONS) {
            listed.memory_kind = row.try_get("memory_kind")?;
            if let Work::Ids(ids) = rows::work(row)? {
                let room = most.saturating_sub(listed.ids.len());
                listed.more |= ids.len() > room;
                listed.ids.extend(ids.iter().take(room).cloned());
            }
        }
        Ok(listed)
    }
}
