//! The changes that a transaction makes in a job, summed: an UPDATE applies only one row to each job.

use serde_json::{Value, json};

use crate::error_code::ErrorCode;
use crate::job::JobId;
use crate::ledger::types::SnapshotKind;

/// The changes that a transaction makes in a job.
pub(in crate::ledger) struct JobChange {
    pub(in crate::ledger) id: JobId,
    /// The number of memories of a record, if reading them back found none. A job without other memories then ends.
    pub(in crate::ledger) gone: Option<u64>,
    pub(in crate::ledger) ended: i64,
    pub(in crate::ledger) selected: i64,
    pub(in crate::ledger) planned: i64,
    pub(in crate::ledger) failures: i64,
    pub(in crate::ledger) skipped: i64,
    /// Whether the job has made progress. Then its `give_up_after` limit counts from now.
    pub(in crate::ledger) progress: bool,
    /// The memories that it accounts for, in the store with the most of them.
    pub(in crate::ledger) done: u64,
    pub(in crate::ledger) code: Option<ErrorCode>,
    pub(in crate::ledger) version_erased: Option<i64>,
    pub(in crate::ledger) snapshot: Option<SnapshotKind>,
    /// JSON objects, separated by commas.
    pub(in crate::ledger) warnings: Option<String>,
}

impl JobChange {
    pub(in crate::ledger) fn new(id: JobId) -> Self {
        Self {
            id,
            gone: None,
            ended: 0,
            selected: 0,
            planned: 0,
            failures: 0,
            skipped: 0,
            progress: false,
            done: 0,
            code: None,
            version_erased: None,
            snapshot: None,
            warnings: None,
        }
    }
}

impl JobChange {
    /// Returns it as a row for the statement that applies it.
    pub(in crate::ledger) fn row(&self) -> Value {
        json!({
            "id": self.id, "gone": self.gone, "ended": self.ended, "selected": self.selected, "planned": self.planned,
            "failures": self.failures, "skipped": self.skipped, "progress": i64::from(self.progress), "done": self.done, "code": self.code, "version_erased": self.version_erased,
            "snapshot": self.snapshot.map(SnapshotKind::as_str), "warnings": self.warnings,
        })
    }

    /// Adds the changes of another record in the same job.
    pub(in crate::ledger) fn add(&mut self, other: &Self) {
        self.gone = self.gone.or(other.gone);
        self.ended += other.ended;
        self.selected += other.selected;
        self.planned += other.planned;
        self.failures += other.failures;
        self.skipped += other.skipped;
        self.progress |= other.progress;
        self.done += other.done;
        self.code = other.code.or(self.code);
        self.version_erased = self.version_erased.or(other.version_erased);
        self.snapshot = match (self.snapshot, other.snapshot) {
            (known, None) => known,
            // A job over several tables can promise only the weakest snapshot of them.
            (Some(SnapshotKind::Batch), Some(_)) => Some(SnapshotKind::Batch),
            (_, said) => said,
        };
        self.warnings = match (self.warnings.take(), &other.warnings) {
            (Some(known), Some(more)) => Some(format!("{known},{more}")),
            (known, more) => known.or_else(|| more.clone()),
        };
    }
}
