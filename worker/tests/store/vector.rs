//! Vector stores, over the real protocol.

mod deleting;
mod finding;
mod harness;
mod outage;
mod paging;
