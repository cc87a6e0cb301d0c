//! Ids that arrive as a stream: in memory there are one line and a few batches.
//!
//! Nothing of it can be claimed before the last line was read. A sender that leaves takes
//! everything with it; if this process dies, workers sweep what is left of it.

mod receive;
mod receiver;
mod staged;

pub(super) use receive::receive;
