//! The embedded vector store through Qdrant's own client, over real gRPC.

mod calls;
mod compaction;
mod durability;
mod harness;
mod refusals;
