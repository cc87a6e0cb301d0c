//! What a worker asks the ledger for, and what it waits for if there is nothing.

use crate::route::Route;

/// What there is to do for a worker, and what it waits for if it finds nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ahead {
    /// The mappings that have partitions which may be claimed by their time, those with the lightest first. A claim may still
    /// find none, as where their target is paused.
    pub due: Vec<Route>,
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
    /// The mappings it has and whose stores answer, in the order in which they are asked for.
    pub routes: &'a [Route],
    /// The revision of the siblings that it has read; at another it is given nothing.
    pub siblings: i64,
    /// The most small partitions, which share calls.
    pub small: u32,
    /// The most partitions that run alone.
    pub alone: u32,
    /// What becomes of partitions whose lease ran out.
    pub lapsed: Lapsed,
    /// Whose small partitions go first.
    pub small_first: SmallFirst,
    /// Which of the partitions that run alone go first.
    pub alone_first: AloneFirst,
}

/// Whether a lease that ran out counts against its partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lapsed {
    /// It does.
    Counts,
    /// It does not: the ledger could not be reached, so nobody was able to renew.
    Excused,
}

/// Whose small partitions a claim takes first. Workers alternate, so that neither kind of caller can keep the other
/// waiting for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SmallFirst {
    /// Those of callers who have few.
    OfFew,
    /// Those of callers who have many, if there are any.
    OfMany,
}

/// Which of the partitions that run alone a claim takes first. Workers alternate, so that neither kind can keep the
/// other waiting for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AloneFirst {
    /// Small ones.
    Lightest,
    /// By age.
    Oldest,
}
