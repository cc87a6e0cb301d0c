//! Uploads: ids that arrive as a stream. Memory holds one line and a few batches, within the byte budget of bodies.
//!
//! No part of an upload can be claimed before its last line was read. If the sender disconnects, everything is deleted.
//! If this process dies, workers sweep the rest.

mod receive;
mod receiver;
mod repeat;
mod staged;
mod unwritten;

pub(super) use receive::receive;
