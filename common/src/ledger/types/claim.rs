//! The claim of a worker, and the ledger's answer to a look ahead.

use super::{JobEnd, Lease};
use crate::route::Route;

/// The answer to a look ahead: due mappings, and the time until the next partition becomes due.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ahead {
    /// The mappings with due partitions, those with the lightest partitions first. A claim may still find none, for
    /// example while their target is paused.
    pub due: Vec<Route>,
    /// The milliseconds until the next partition becomes due.
    pub due_in_ms: Option<u64>,
    /// The revision of the siblings. A worker that has not read this revision can claim nothing.
    pub siblings: i64,
}

/// A worker's request for due partitions.
#[derive(Debug, Clone)]
pub struct Claim<'a> {
    /// The worker's name.
    pub worker: &'a str,
    /// The mappings that the worker has and whose stores answer, in the order of the claim.
    pub routes: &'a [Route],
    /// The revision of the siblings that the worker has read. At another revision the claim finds nothing.
    pub siblings: i64,
    /// The most small partitions, which share calls.
    pub small: u32,
    /// The most partitions that run alone.
    pub alone: u32,
    /// Whether an expired lease counts against its partition.
    pub lapsed: Lapsed,
    /// The callers whose small partitions go first.
    pub small_first: SmallFirst,
    /// The order of the partitions that run alone.
    pub alone_first: AloneFirst,
}

/// The result of a claim.
#[derive(Debug, Default)]
pub struct Claimed {
    /// The claimed partitions.
    pub leases: Vec<Lease>,
    /// The number of partitions that failed because they cannot be read.
    pub unreadable: u64,
    /// The jobs that ended because a partition of theirs cannot be read.
    pub ended: Vec<JobEnd>,
}

/// Whether an expired lease counts against its partition, as a rescue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lapsed {
    /// It counts.
    Counts,
    /// It does not count: the ledger could not be reached, so no worker was able to renew.
    Excused,
}

/// The callers whose small partitions a claim takes first. Workers alternate, so that neither kind of caller can keep
/// the other waiting for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SmallFirst {
    /// Callers with few unfinished jobs.
    OfFew,
    /// Callers with many unfinished jobs, if their small partitions are due.
    OfMany,
}

/// The order in which a claim takes the partitions that run alone. Workers alternate, so that neither light nor old
/// partitions wait for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AloneFirst {
    /// By weight, then by age.
    Lightest,
    /// By age.
    Oldest,
}
