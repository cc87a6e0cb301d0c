//! OpenSearch's task API: watching a deletion by query, cancelling it and changing its pace.
//!
//! A caller sees and changes the same jobs as in the native API. Jobs that it may not see are unknown tasks.

pub(super) mod many;
mod matching;
pub(super) mod one;
pub(super) mod rethrottle;
mod search;
mod seen;
