//! The results of a batch, as a worker records them, and the ledger's answer.

use std::collections::BTreeMap;
use std::time::Instant;

use super::prepared::{Prepared, Recording};
use crate::error_code::ErrorCode;
use crate::job::{Outcome, StoreKind};
use crate::ledger::db::{Ledger, LedgerError};
use crate::ledger::types::{HoldCount, Lease, NewPartition, Snapshot, WarningCode};
use crate::selection::Selection;
use crate::state::State;

/// A memory that was not simply erased.
// Personal data: no `Debug`.
#[derive(Clone)]
pub struct ItemOutcome {
    /// The memory's id.
    pub id: String,
    /// The store.
    pub store: StoreKind,
    /// The outcome; `None` for residue.
    pub outcome: Option<Outcome>,
    /// The reason for the outcome.
    pub code: Option<ErrorCode>,
}

/// The results of a batch.
#[derive(Clone, Default)]
pub struct Delta {
    /// The number of memories, by store and outcome.
    pub counts: BTreeMap<(StoreKind, Outcome), u64>,
    /// The memories to be listed by id.
    pub items: Vec<ItemOutcome>,
    /// The number of memories that reading back found, by store.
    pub residue: BTreeMap<StoreKind, u64>,
    /// The change in the number of memories that the job selects. It may be negative.
    pub selected: i64,
    /// The partitions that planning cut. They become claimable when all plans are complete.
    pub planned: Vec<NewPartition>,
    /// The version of the erased row, if the partition is about one memory.
    pub version_erased: Option<i64>,
    /// The selection that a check or a preview found.
    pub found: Option<Selection>,
    /// The snapshot of the job. Planning reports it once, and the planned partitions take it over.
    pub snapshot: Option<Snapshot>,
    /// A warning about the partition's table. [`WarningCode::Mistyped`] means that the table was skipped. If all tables
    /// of the job were skipped, the job fails, and nothing was touched.
    pub warning: Option<WarningCode>,
    /// The number of rows deleted with the memories, by dependent table.
    pub dependents: BTreeMap<String, u64>,
    /// The number of memories that each hold keeps. A memory counts once, for one hold.
    pub holds: Vec<HoldCount>,
}

impl Delta {
    /// Counts `n` memories.
    pub fn count(&mut self, store: StoreKind, outcome: Outcome, n: u64) {
        if n > 0 {
            *self.counts.entry((store, outcome)).or_insert(0) += n;
        }
    }
}

/// How a partition ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RecordEnd {
    /// Everything in it is accounted for.
    Done,
    /// Everything in it is accounted for, and reading it back has found nothing. A job without other partitions
    /// ([`JobFacts::is_single`]) then ends. In any other job the partition is read back again.
    ///
    /// [`JobFacts::is_single`]: crate::ledger::JobFacts::is_single
    Gone,
    /// It was checked. It is erased once all partitions of its job are checked.
    Checked,
    /// It failed. Its remaining memories count as failed.
    Failed(ErrorCode),
    /// Its job was cancelled. Its remaining memories count as left.
    Cancelled,
    /// Reading back found memories. Another round erases them.
    Residue {
        /// The number of memories.
        n: u64,
        /// The memories to erase, in the worker's own format. It replaces the partition's progress.
        progress: Option<String>,
    },
}

/// A record about one partition.
pub struct Record<'a> {
    /// The lease, consumed unless the partition goes on.
    pub lease: &'a Lease,
    /// The results since the last record.
    pub delta: Delta,
    /// The progress of the partition. If the partition is done: the facts that reading it back needs.
    pub progress: Option<String>,
    /// The number of memories not yet accounted for.
    pub remaining: u64,
    /// The end of the partition; `None` if it goes on.
    pub end: Option<RecordEnd>,
}

/// The ledger's answer to a record.
#[derive(Debug, Clone)]
pub enum After {
    /// The partition goes on. Its lease token has grown by one.
    Continue {
        /// The new end of the lease.
        until: Instant,
        /// Whether the job is being cancelled: if so, begin no new batch.
        cancelling: bool,
        /// The present rate limit of the job, in memories a second.
        per_second: Option<f64>,
    },
    /// The partition has ended.
    Ended {
        /// Whether the job's next phase has begun: its partitions are due.
        due: bool,
    },
    /// The partition was the last of its job to be erased. Read it back, under the same lease.
    ReadBack {
        /// The lease.
        lease: Box<Lease>,
        /// Whether other partitions are due to be read back, of this job or of jobs recorded with it.
        others: bool,
    },
    /// The job has ended, or has become held. Only one record of a job gets this answer; others get [`After::Ended`].
    JobEnded {
        /// The final state, or `held`.
        state: State,
        /// Milliseconds since it could have started.
        duration_ms: i64,
    },
    /// The lease was lost: nothing was recorded.
    Lost,
    /// The ledger refuses this record for good. Nothing was recorded, and the lease is still held.
    Refused,
}

impl Ledger {
    /// Records a group of partitions in one transaction.
    ///
    /// A record increments the lease token. If its answer is lost and the worker repeats it with the old token,
    /// the lease counts as lost: so nothing is counted twice. A worker that goes on with the partition adds one
    /// to [`Lease::token`].
    ///
    /// The answers are in the order of `records`. A lost lease or a refused record does not affect the other
    /// records.
    pub async fn record(&self, records: &[Record<'_>]) -> Result<Vec<After>, LedgerError> {
        let until = Instant::now() + self.inner.options.lease;
        let prepared = records.iter().map(Prepared::of).collect();
        let recorded = self.inner.groups.together(Recording(prepared)).await?;
        Ok(records
            .iter()
            .zip(recorded)
            .map(|(record, recorded)| recorded.after(record, until))
            .collect())
    }
}
