//! Logs on standard error, traces for a receiver, and the context that follows a request across services.
//!
//! A collector reads the JSON lines, and each line carries the fields of its spans. The code that writes a line keeps
//! personal data out of it. Spans leave the process only if the configuration names a receiver.
//!
//! ```text
//! http.request            an API answers a request
//! erase.partition         a worker works on a partition, or on a small group of them
//! └─ store.call           a store is asked, inside of it
//! ```
//!
//! A job's work begins long after the answer to its request, so `erase.partition` is no child of `http.request`. It is
//! linked to it.

mod init;
mod traceparent;
#[cfg(feature = "otlp")]
mod traces;
#[cfg(not(feature = "otlp"))]
#[path = "telemetry/untraced.rs"]
mod traces;

use tracing::Span;

pub use init::{StartError, init};
pub use traceparent::{InvalidTraceparent, TraceContext};
pub use traces::{answered, calls, context, follow, link, stop};

/// Returns a field of a line, or `None` if the span around the line has a field of that name: each fact appears once.
///
/// The line keeps the field if the filter disables the span.
pub fn unless_in_span<T>(field: &str, value: T) -> Option<T> {
    (!Span::current().has_field(field)).then_some(value)
}
