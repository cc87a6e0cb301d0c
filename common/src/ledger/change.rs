//! What a transaction changes in a job, summed: an UPDATE applies one row to each.

use super::types::SnapshotKind;
use crate::error_code::ErrorCode;
use crate::job::JobId;

/// What a transaction changes in a job.
pub(super) struct JobChange {
    pub(super) id: JobId,
    pub(super) ended: i64,
    pub(super) selected: i64,
    pub(super) planned: i64,
    pub(super) failures: i64,
    pub(super) skipped: i64,
    /// Whether the job has made progress: its limit counts from now.
    pub(super) progress: bool,
    pub(super) code: Option<ErrorCode>,
    pub(super) version_erased: Option<i64>,
    pub(super) snapshot: Option<SnapshotKind>,
    /// JSON objects with commas between them.
    pub(super) warnings: Option<String>,
}

impl JobChange {
    pub(super) fn new(id: JobId) -> Self {
        Self {
            id,
            ended: 0,
            selected: 0,
            planned: 0,
            failures: 0,
            skipped: 0,
            progress: false,
            code: None,
            version_erased: None,
            snapshot: None,
            warnings: None,
        }
    }
}

impl JobChange {
    /// Adds what another record changes in the same job.
    pub(super) fn add(&mut self, other: &Self) {
        self.ended += other.ended;
        self.selected += other.selected;
        self.planned += other.planned;
        self.failures += other.failures;
        self.skipped += other.skipped;
        self.progress |= other.progress;
        self.code = other.code.or(self.code);
        self.version_erased = self.version_erased.or(other.version_erased);
        self.snapshot = match (self.snapshot, other.snapshot) {
            (known, None) => known,
            // A job that spans tables can promise no more than the least of them.
            (Some(SnapshotKind::Batch), Some(_)) => Some(SnapshotKind::Batch),
            (_, said) => said,
        };
        self.warnings = match (self.warnings.take(), &other.warnings) {
            (Some(known), Some(more)) => Some(format!("{known},{more}")),
            (known, more) => known.or_else(|| more.clone()),
        };
    }
}
