//! The memories of a batch as its effects see them: all shares in a row.

use super::share::Share;
use crate::job::intent::{Entry, Vectors};
use crate::store::Conditions;

/// One entry of the batch, with what its job demands.
#[derive(Clone, Copy)]
pub(super) struct Target<'a> {
    pub(super) entry: &'a Entry,
    pub(super) conditions: &'a Conditions,
    pub(super) fresh: bool,
    /// Whose it is, by its position.
    pub(super) share: usize,
}

impl Target<'_> {
    /// Returns whether it is a point that a query listed, with no row to go by.
    pub(super) fn is_listed_point(&self) -> bool {
        self.conditions.query.is_some() && !self.entry.row && self.entry.vectors == Vectors::Orphans
    }

    /// Returns whether it is still the job's, as far as this attempt looked.
    pub(super) fn is_meant(&self) -> bool {
        self.entry.seen.dropped.is_none()
    }
}

/// Returns the entries of all shares, in their order.
pub(super) fn targets(shares: &[Share]) -> Vec<Target<'_>> {
    let all = shares.iter().enumerate().flat_map(|(n, share)| {
        share.intent.entries.iter().map(move |entry| Target {
            entry,
            conditions: &share.conditions,
            fresh: share.fresh,
            share: n,
        })
    });
    all.collect()
}
