//! The exclusive right to a partition, and the fence that each write under it carries.

use std::sync::Arc;
use std::time::Instant;

use super::job::JobFacts;
use super::partition::{Kind, Work};
use crate::job::{JobId, StoreKind};
use crate::route::Route;

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
    /// Of a subject: under which of the owner's names ([`Subject::fields_as`](crate::job::Subject::fields_as)).
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
