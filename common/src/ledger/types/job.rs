//! The facts about jobs that workers and the ledger exchange.

use std::sync::Arc;

use strum::{EnumDiscriminants, EnumString, IntoStaticStr};

use super::legal::Legal;
use super::marks::Marks;
use crate::filter::Filter;
use crate::job::{JobId, Subject};
use crate::schedule::Windows;

/// The facts that all partitions of a job share.
#[derive(Debug, Clone)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each says something else, and none excludes another"
)]
pub struct JobFacts {
    /// The job's id.
    pub id: JobId,
    /// The owner of the memories, if the job names one.
    pub owner: Option<String>,
    /// The workspace of the memories, if the job names one.
    pub workspace: Option<String>,
    /// The kind of the memories, if the job names one.
    pub memory_kind: Option<String>,
    /// The person, for a job by subject.
    pub subject: Option<Subject>,
    /// The filter that the memories must match, for a job by query.
    pub query: Option<Arc<Filter>>,
    /// The rate limit over all workers, in memories a second.
    pub per_second: Option<f64>,
    /// The most memories of a batch, if the request sets it.
    pub batch: Option<u32>,
    /// For a job by query: the most matching memories that this attempt takes.
    pub max_memories: Option<u64>,
    /// Whether the job states the expected selection. If so, the selection is checked before anything is touched.
    pub expects: bool,
    /// Whether a schedule created it. Then a change of the schedule's windows applies to it at any time.
    pub scheduled: bool,
    /// Whether a value that no column can hold matches no memory ([`ExecutionOptions::lenient`]).
    pub lenient: bool,
    /// The traceparent of the request.
    pub trace: Option<String>,
    /// Whether the job is being cancelled: finish the batch that has begun, and begin no other.
    pub cancelling: bool,
    /// Milliseconds from acceptance (or its start time) until this claim.
    pub waited_ms: i64,
    /// Whether this is the job's first claim.
    pub first: bool,
    /// The number of the attempt: 1, and one more for each retry.
    pub attempt: u64,
    /// Whether it has only one partition.
    pub is_single: bool,
}

impl JobFacts {
    /// Returns whether its memories count as selected only when they are accounted for. Its request
    /// does not list them.
    pub fn is_unlisted(&self) -> bool {
        self.subject.is_some() || self.query.is_some()
    }
}

/// The options of a job, beside its selection.
// The caller's name for its request may hold anything: no `Debug`.
#[derive(Clone, Default)]
pub struct ExecutionOptions {
    /// The most memories of a batch; absent: the workers' default.
    pub batch: Option<u32>,
    /// For a job by query: the most matching memories that it takes, at least one. The others are not
    /// touched.
    pub max_memories: Option<u64>,
    /// Whether a memory that changed after its selection stops the job. Batches that have begun finish, and it fails.
    pub aborts: bool,
    /// The number of slices by which callers read its counts; absent: none. It does not decide how workers
    /// share the job.
    pub slices: Option<u32>,
    /// The caller's name for its request.
    pub opaque_id: Option<String>,
    /// The schedule that created it.
    pub schedule: Option<String>,
    /// The times at which its batches may begin; absent: at any time.
    pub windows: Option<Windows>,
    /// Whether a value that no column can hold matches no memory, as clients of other systems expect. Otherwise it
    /// is a mistake, and the tables that cannot hold it are skipped.
    pub lenient: bool,
    /// The caller's own words about it.
    pub marks: Marks,
    /// The ground of the erasure, and its deadline.
    pub legal: Legal,
}

/// The snapshot of a job by query: its way to know the memories that existed when it began.
#[derive(Debug, Clone, PartialEq, Eq, EnumDiscriminants)]
#[strum_discriminants(
    name(SnapshotKind),
    vis(pub(in crate::ledger)),
    derive(EnumString, IntoStaticStr),
    strum(serialize_all = "snake_case")
)]
pub enum Snapshot {
    /// By the time at which rows were written, up to a bound in the worker's own format.
    CreatedAt(String),
    /// No snapshot: each batch takes the memories that match at its time.
    Batch,
    /// By its plan, which lists the memories.
    Plan,
}

impl SnapshotKind {
    /// Returns the word used in the ledger and in answers.
    pub(in crate::ledger) fn as_str(self) -> &'static str {
        self.into()
    }
}
