//! What a batch did, as a worker says it, and what follows.

use std::collections::BTreeMap;
use std::time::Instant;

use super::prepared::{Prepared, Recording};
use crate::error_code::ErrorCode;
use crate::job::{Outcome, StoreKind};
use crate::ledger::db::{Ledger, LedgerError};
use crate::ledger::types::{Lease, NewPartition, Snapshot, WarningCode};
use crate::selection::Selection;
use crate::state::State;

/// A memory that was not simply erased.
// Personal data: no `Debug`.
#[derive(Clone)]
pub struct ItemOutcome {
    /// The memory's id.
    pub id: String,
    /// In which store.
    pub store: StoreKind,
    /// What became of it; `None` for residue.
    pub outcome: Option<Outcome>,
    /// Why.
    pub code: Option<ErrorCode>,
}

/// What a batch did.
#[derive(Clone, Default)]
pub struct Delta {
    /// How many memories met which outcome in which store.
    pub counts: BTreeMap<(StoreKind, Outcome), u64>,
    /// The memories to be listed by id.
    pub items: Vec<ItemOutcome>,
    /// How many memories reading back found, by store.
    pub residue: BTreeMap<StoreKind, u64>,
    /// How many more (or fewer) memories the job is about than was known.
    pub selected: i64,
    /// Partitions found by planning; they become claimable when all plans are complete.
    pub planned: Vec<NewPartition>,
    /// The version of the one row that was erased, where the partition is about one memory.
    pub version_erased: Option<i64>,
    /// What a look found.
    pub found: Option<Selection>,
    /// What was there when the job began; planning says so once, and what it plans takes it over.
    pub snapshot: Option<Snapshot>,
    /// What somebody should know about the partition's table. One that is [`WarningCode::Mistyped`] was skipped:
    /// if all of its job's tables were, the job fails, and nothing was touched.
    pub warning: Option<WarningCode>,
    /// How many rows of which dependent table went with the memories.
    pub dependents: BTreeMap<String, u64>,
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
    /// Everything in it is accounted for, and reading it back has found nothing. That ends a job which has no other
    /// partition ([`JobFacts::is_single`]); of any other job the partition is read back again.
    ///
    /// [`JobFacts::is_single`]: crate::ledger::JobFacts::is_single
    Gone,
    /// It was looked at; it is erased once all of the job was.
    Checked,
    /// It cannot be done; what remains of it counts as failed.
    Failed(ErrorCode),
    /// Its job was cancelled; what remains of it is left.
    Cancelled,
    /// Reading back found memories: they are to be erased in another round.
    Residue {
        /// How many.
        n: u64,
        /// What to erase, in the worker's own words; takes the place of the partition's progress.
        progress: Option<String>,
    },
}

/// What is to be recorded about one partition.
pub struct Record<'a> {
    /// The lease, consumed unless the partition goes on.
    pub lease: &'a Lease,
    /// What was done since the last record.
    pub delta: Delta,
    /// How far the partition is; of one that is done, what reading it back has to know.
    pub progress: Option<String>,
    /// How many memories are still to be accounted for.
    pub remaining: u64,
    /// Whether and how it ends.
    pub end: Option<RecordEnd>,
}

/// What follows a record.
#[derive(Debug, Clone)]
pub enum After {
    /// The partition goes on, its fence one further.
    Continue {
        /// When the lease now ends.
        until: Instant,
        /// Whether the job is being cancelled: begin nothing more.
        cancelling: bool,
        /// The most memories a second that the job may erase now.
        per_second: Option<f64>,
    },
    /// The partition has ended.
    Ended {
        /// Whether the job's next phase has begun: its partitions are due.
        due: bool,
    },
    /// The partition was the last of its job's erasing: read it back, under the same lease.
    ReadBack {
        /// The lease.
        lease: Box<Lease>,
        /// Whether other partitions are due to be read back, of this job or of one that was recorded with it.
        others: bool,
    },
    /// The job has ended.
    JobEnded {
        /// How.
        state: State,
        /// Milliseconds since it could have started.
        duration_ms: i64,
    },
    /// The lease was lost: nothing was recorded.
    Lost,
    /// The ledger refuses this record for good: nothing was recorded, and the lease is still held.
    Refused,
}

impl Ledger {
    /// Records a group of partitions in one transaction.
    ///
    /// A record moves the fence on by one, so that a record whose answer was lost cannot be counted
    /// twice: asked again with the old token, it finds its lease lost. Whoever goes on with the
    /// partition adds one to [`Lease::token`].
    ///
    /// The answers are in the order of the question. A partition whose lease was lost, or whose record the
    /// ledger refuses, is left out without touching the others.
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
