//! Jobs, as far as workers and the ledger tell each other about them.

use std::sync::Arc;

use strum::{EnumDiscriminants, EnumString, IntoStaticStr};

use crate::filter::Filter;
use crate::job::{JobId, Subject};
use crate::schedule::Windows;

/// What every partition of a job shares.
#[derive(Debug, Clone)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each says something else, and none excludes another"
)]
pub struct JobFacts {
    /// The job's id.
    pub id: JobId,
    /// Whose memories, where the job says so.
    pub owner: Option<String>,
    /// Of which workspace.
    pub workspace: Option<String>,
    /// Of which kind.
    pub memory_kind: Option<String>,
    /// The person, for a job by subject.
    pub subject: Option<Subject>,
    /// What the memories have to match, for a job by query.
    pub query: Option<Arc<Filter>>,
    /// The most memories a second, over all workers.
    pub per_second: Option<f64>,
    /// The most memories of a batch, where somebody said so.
    pub batch: Option<u32>,
    /// Of a job by query: the most memories that this attempt takes of what matches.
    pub max_memories: Option<u64>,
    /// Whether the job says what its selection has to be: it is looked at before anything is touched.
    pub expects: bool,
    /// Whether a schedule made it, which can say at any time when its batches may begin.
    pub scheduled: bool,
    /// Whether a value that no column can hold is nobody's ([`ExecutionOptions::lenient`]).
    pub lenient: bool,
    /// The traceparent of the request.
    pub trace: Option<String>,
    /// Whether a cancellation was accepted: finish what has begun, begin nothing.
    pub cancelling: bool,
    /// Milliseconds from acceptance (or its start time) until this claim.
    pub waited_ms: i64,
    /// Whether this is the job's first claim.
    pub first: bool,
    /// 1, and one more for each retry.
    pub attempt: u64,
    /// Whether it has one partition.
    pub is_single: bool,
}

impl JobFacts {
    /// Returns whether its memories count as selected when they are accounted for: nobody listed
    /// them when it was accepted.
    pub fn is_unlisted(&self) -> bool {
        self.subject.is_some() || self.query.is_some()
    }
}

/// How a job is done, beside what it erases.
// What a caller calls its request may say anything: no `Debug`.
#[derive(Clone, Default)]
pub struct ExecutionOptions {
    /// The most memories of a batch; absent: as many as workers usually take.
    pub batch: Option<u32>,
    /// Of a job by query: the most memories that it takes of what matches, at least one; the rest is
    /// left alone.
    pub max_memories: Option<u64>,
    /// Whether a memory that changed in between stops the job: what has begun is finished, and it fails.
    pub aborts: bool,
    /// By how many slices it is counted for whoever asks; absent: not at all. How it is divided among
    /// workers does not follow from it.
    pub slices: Option<u32>,
    /// What the caller calls its request.
    pub opaque_id: Option<String>,
    /// The schedule that made it.
    pub schedule: Option<String>,
    /// When its batches may begin; absent: at any time.
    pub windows: Option<Windows>,
    /// Whether a value that no column can hold is nobody's, as the clients of other systems have it; else it
    /// is a mistake, and the tables that cannot hold it are skipped.
    pub lenient: bool,
}

/// How a job by query tells what was there when it began.
#[derive(Debug, Clone, PartialEq, Eq, EnumDiscriminants)]
#[strum_discriminants(
    name(SnapshotKind),
    vis(pub(in crate::ledger)),
    derive(EnumString, IntoStaticStr),
    strum(serialize_all = "snake_case")
)]
pub enum Snapshot {
    /// By when rows were written, up to a bound in the worker's own words.
    CreatedAt(String),
    /// It cannot: each batch takes what matches at its time.
    Batch,
    /// Its plan lists them.
    Plan,
}

impl SnapshotKind {
    /// Returns the word used in the ledger and in answers.
    pub(in crate::ledger) fn as_str(self) -> &'static str {
        self.into()
    }
}
