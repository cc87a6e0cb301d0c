//! Watching a deletion by query, cancelling it and changing its pace, as OpenSearch has it.
//!
//! A caller sees the jobs here that it sees natively, and changes those that it may change there;
//! of the others nothing is said but that there is no such task.

pub(super) mod many;
mod matching;
pub(super) mod one;
pub(super) mod rethrottle;
mod seen;
