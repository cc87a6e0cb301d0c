//! The embedded vector store through Qdrant's own client, over real gRPC.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod calls;
mod compaction;
mod durability;
mod harness;
mod refusals;
