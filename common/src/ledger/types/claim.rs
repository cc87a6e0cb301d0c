//! What a worker asks the ledger for, and what it waits for if there is nothing.

use crate::route::Route;

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
