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
    /// The lease token: every write carries it in its fence.
    pub token: i64,
    /// The end of the lease, by this process' monotonic clock, counted from before the request for it.
    pub until: Instant,
    /// The purpose of the partition.
    pub kind: Kind,
    /// The mapping that it needs.
    pub route: Route,
    /// The memories that it is about.
    pub work: Work,
    /// For a subject: the number of the owner's name ([`Subject::fields_as`](crate::job::Subject::fields_as)).
    pub alias: u32,
    /// Its progress, in the worker's own format.
    pub progress: Option<String>,
    /// The intent of the batch that has begun, in the worker's own format.
    pub intent: Option<String>,
    /// The bound of its job's snapshot, in the worker's own format; absent: no bound.
    pub snapshot: Option<String>,
    /// The number of memories not yet accounted for.
    pub remaining: u64,
    /// The number of leases that expired since the last record.
    pub rescues: u32,
    /// Whether this claim took it over: the lease of its last worker had expired, and that [counts](super::Lapsed).
    pub taken_over: bool,
    /// The number of attempts that failed since the last record.
    pub failures: u32,
    /// Whether it must run alone.
    pub alone: bool,
    /// The stores in which its memories are accounted for.
    pub stores: Vec<StoreKind>,
    /// The revision of the siblings at the claim. No batch begins at another revision.
    pub siblings: i64,
}

/// The fence of a write: the partition, and the lease under which it is written.
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
    /// Notes that its job is being cancelled.
    pub fn cancel(&mut self) {
        if !self.job.cancelling {
            Arc::make_mut(&mut self.job).cancelling = true;
        }
    }

    /// Takes over the answer to a record after which the partition goes on. The token grows by one, the pace of
    /// the job may change, and failures and rescues return to 0.
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
