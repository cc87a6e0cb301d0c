//! The memories of a batch as its effects see them: all parts in a row.

use super::batch_part::BatchPart;
use crate::job::intent::{Entry, Vectors};
use crate::store::Conditions;

/// One entry of the batch, with what its job demands.
#[derive(Clone, Copy)]
pub(super) struct Target<'a> {
    pub(super) entry: &'a Entry,
    pub(super) conditions: &'a Conditions,
    pub(super) fresh: bool,
    /// Whose it is, by its position.
    pub(super) part: usize,
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

/// Returns the entries of all parts, in their order.
pub(super) fn targets(parts: &[BatchPart]) -> Vec<Target<'_>> {
    let all = parts.iter().enumerate().flat_map(|(n, part)| {
        part.intent.entries.iter().map(move |entry| Target {
            entry,
            conditions: &part.conditions,
            fresh: part.fresh,
            part: n,
        })
    });
    all.collect()
}
