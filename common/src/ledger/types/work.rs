//! What workers and the ledger hand each other.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use serde::{Deserialize, Serialize};
use strum::{EnumDiscriminants, EnumIter, EnumString, IntoStaticStr};

use crate::filter::Filter;
use crate::job::{JobId, StoreKind, Subject};
use crate::schedule::Windows;

/// Which mapping a partition needs: workers claim only what they have, in the version they have.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Route {
    /// The target's name.
    pub target: String,
    /// The table's name.
    pub table: String,
    /// The digest of the mapping.
    pub digest: String,
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.target, self.table, self.digest)
    }
}

/// What a partition is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EnumIter, EnumString, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Kind {
    /// Look at what is selected, before anything is touched; then it is one that erases.
    Check,
    /// Cut what the job selects into partitions.
    Plan,
    /// Erase.
    Erase,
    /// Ask every store again.
    ReadBack,
    /// Count, touching nothing.
    Preview,
}

impl Kind {
    /// Returns the word used in the ledger and in metric labels.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// What a partition is about.
// Ids are personal data: no `Debug` with the values.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Work {
    /// These memories.
    Ids(Vec<String>),
    /// The rows of the job's subject or query whose key lies in a range.
    Range {
        /// Keys up to and including this one belong to others; absent: from the first.
        after: Option<String>,
        /// Keys beyond this one belong to others; absent: to the last.
        through: Option<String>,
    },
    /// The points of the job's subject, found by their payload.
    Points,
    /// All of the job's subject.
    Subject,
    /// All that the job's query matches: rows, or points where a table has only these.
    Query,
    /// These points, which the plan of the job's query found, by their own ids.
    Listed(Vec<String>),
}

impl fmt::Debug for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ids(_) => "Ids(..)",
            Self::Range { .. } => "Range(..)",
            Self::Points => "Points",
            Self::Subject => "Subject",
            Self::Query => "Query",
            Self::Listed(_) => "Listed(..)",
        })
    }
}

/// A partition to be written.
#[derive(Debug, Clone)]
pub struct NewPartition {
    /// What it is for.
    pub kind: Kind,
    /// Who may claim it.
    pub route: Route,
    /// Where its memories are accounted for: each gets one outcome in each of these.
    pub stores: Vec<StoreKind>,
    /// What it is about.
    pub work: Work,
    /// Of a subject: under which of the owner's names ([`Subject::fields_as`]).
    pub alias: u32,
    /// How many memories that is, as far as is known.
    pub remaining: u64,
}

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
    pub most: Option<u64>,
    /// Whether the job says what its selection has to be: it is looked at before anything is touched.
    pub expects: bool,
    /// Whether a schedule made it, which can say at any time when its batches may begin.
    pub scheduled: bool,
    /// Whether a value that no column can hold is nobody's ([`Manner::lenient`]).
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
pub struct Manner {
    /// The most memories of a batch; absent: as many as workers usually take.
    pub batch: Option<u32>,
    /// Of a job by query: the most memories that it takes of what matches, at least one; the rest is
    /// left alone.
    pub most: Option<u64>,
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

/// The exclusive right to a partition until a time.
#[derive(Debug, Clone)]
pub struct Lease {
    /// The job.
    pub job: Arc<JobFacts>,
    /// The partition's number in the job.
    pub ordinal: i64,
    /// The fence: every write carries it.
    pub token: i64,
    /// When the lease ends, by this process' monotonic clock, counted from before it was asked for.
    pub until: Instant,
    /// What the partition is for.
    pub kind: Kind,
    /// Which mapping it needs.
    pub route: Route,
    /// What it is about.
    pub work: Work,
    /// Of a subject: under which of the owner's names ([`Subject::fields_as`]).
    pub alias: u32,
    /// How far it is, in the worker's own words.
    pub progress: Option<String>,
    /// The batch that has begun, in the worker's own words.
    pub intent: Option<String>,
    /// What was there when its job began, in the worker's own words; nothing: all that is there.
    pub snapshot: Option<String>,
    /// How many memories are not accounted for yet.
    pub remaining: u64,
    /// How many leases ran out since anything was recorded.
    pub rescues: u32,
    /// How many attempts failed since anything was recorded.
    pub failures: u32,
    /// Whether it has to run by itself.
    pub alone: bool,
    /// Where its memories are accounted for.
    pub stores: Vec<StoreKind>,
    /// The revision of the siblings that it was claimed at: no batch begins at another.
    pub siblings: i64,
}

/// What a write about a partition carries: which, and under which lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fence {
    /// The job.
    pub job: JobId,
    /// The partition's number in the job.
    pub ordinal: i64,
    /// The lease's token.
    pub token: i64,
}

impl Lease {
    /// Takes over that its job is being cancelled.
    pub fn cancel(&mut self) {
        if !self.job.cancelling {
            Arc::make_mut(&mut self.job).cancelling = true;
        }
    }

    /// Takes over that a record let the partition go on: its fence is one further, its job's pace may
    /// be another, and what was counted against it is forgotten.
    pub fn goes_on(&mut self, until: Instant, cancelling: bool, per_second: Option<f64>) {
        self.until = until;
        if self.job.per_second != per_second {
            Arc::make_mut(&mut self.job).per_second = per_second;
        }
        self.token += 1;
        self.intent = None;
        (self.failures, self.rescues) = (0, 0);
        if cancelling {
            self.cancel();
        }
    }

    /// Returns the lease's fence.
    pub fn fence(&self) -> Fence {
        Fence {
            job: self.job.id,
            ordinal: self.ordinal,
            token: self.token,
        }
    }
}

/// What a worker that has found nothing to do waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ahead {
    /// In how many milliseconds the next partition becomes due that is not due yet.
    pub due_in_ms: Option<u64>,
    /// The revision of the siblings: at one that it has not read a worker is given nothing.
    pub siblings: i64,
}

/// What a worker asks for.
#[derive(Debug, Clone)]
pub struct Claim<'a> {
    /// The worker's name.
    pub worker: &'a str,
    /// The mappings it has and whose stores answer.
    pub routes: &'a [Route],
    /// The revision of the siblings that it has read; at another it is given nothing.
    pub siblings: i64,
    /// The most small partitions, which share calls.
    pub small: u32,
    /// The most partitions that run alone.
    pub alone: u32,
    /// Whether a lease that ran out counts against its partition; false while the ledger could not
    /// be reached, since then nobody was able to renew.
    pub count_rescues: bool,
    /// Whether the small partitions of callers who have many come first, if there are any. Workers
    /// alternate, so that those of others cannot keep them waiting for good.
    pub many_first: bool,
    /// Whether the partitions that run alone are taken by age instead of small ones first. Workers
    /// alternate, so that neither kind can keep the other waiting for good.
    pub oldest_first: bool,
}
