//! The memories of a batch in one list over all parts, as its effects need them.

use super::batch_part::BatchPart;
use crate::job::intent::{Entry, Vectors};
use crate::store::Conditions;

/// One entry of the batch, with its job's conditions.
#[derive(Clone, Copy)]
pub(super) struct Target<'a> {
    pub(super) entry: &'a Entry,
    pub(super) conditions: &'a Conditions,
    pub(super) fresh: bool,
    /// The position of its part.
    pub(super) part: usize,
}

impl Target<'_> {
    /// Returns whether it is a listed point of a query, without a row.
    pub(super) fn is_listed_point(&self) -> bool {
        self.conditions.query.is_some() && !self.entry.row && self.entry.vectors == Vectors::Orphans
    }

    /// Returns whether it is still the job's, by the checks of this attempt.
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
