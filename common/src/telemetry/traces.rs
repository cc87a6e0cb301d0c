//! Traces: spans for a receiver that speaks OTLP over gRPC.
//!
//! Spans wait in a bounded queue. A thread of its own sends them in batches, so a receiver that is slow or unreachable
//! costs spans and never delays the work. No event leaves the process, and only listed attributes do: closed words,
//! names of the configuration, numbers and ids of jobs.

mod attributes;
mod exporter;
mod sampler;
mod span;
mod start;

pub(super) use attributes::covers;
pub use span::{answered, calls, context, follow, link};
pub(super) use start::start;
pub use start::stop;
