//! Vector stores, over the real protocol.

mod agreeing;
mod deleting;
mod finding;
pub(crate) mod harness;
mod outage;
mod paging;
mod querying;
mod scope;
