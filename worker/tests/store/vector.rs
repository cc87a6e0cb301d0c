//! Vector stores, over the real protocol.

mod deleting;
mod finding;
pub(crate) mod harness;
mod outage;
mod paging;
