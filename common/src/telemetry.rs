//! Logs on standard error, and the context that follows a request across services.
//!
//! No exporter: a collector reads the JSON lines, and each line carries the fields of its spans.
//! The code that writes a line keeps personal data out of it.
//!
//! ```text
//! http.request            an API answers a request
//! erase.partition         a worker works on a partition, or on a small group of them
//! └─ store.call           a store is asked, inside of it
//! ```
//!
//! A job's work begins long after the answer to its request, so `erase.partition` is no child of `http.request`.

mod traceparent;

use std::io::{IsTerminal as _, stderr};

use tracing::Span;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::{SubscriberInitExt as _, TryInitError};

use crate::config::{Log, LogFormat};

pub use traceparent::{InvalidTraceparent, TraceContext};

/// Starts logging as the configuration says.
///
/// # Errors
///
/// Logging was started before in this process; it continues unchanged.
pub fn init(log: &Log) -> Result<(), TryInitError> {
    // The filter was checked with the configuration. A wrong word in it is ignored, and is not fatal.
    let filter = EnvFilter::builder().parse_lossy(&log.level);
    let registry = tracing_subscriber::registry().with(filter);
    let lines = tracing_subscriber::fmt::layer().with_writer(stderr);
    match log.format {
        // Colours, unless NO_COLOR is set. Files and collectors get none.
        LogFormat::Human if stderr().is_terminal() => registry.with(lines).try_init(),
        LogFormat::Human => registry.with(lines.with_ansi(false)).try_init(),
        LogFormat::Json => registry
            .with(
                lines
                    .json()
                    .flatten_event(true)
                    .with_span_list(true)
                    .with_current_span(false),
            )
            .try_init(),
    }
}

/// Returns a field of a line, or `None` if the span around the line has a field of that name: each fact appears once.
///
/// The line keeps the field if the filter disables the span.
pub fn unless_in_span<T>(field: &str, value: T) -> Option<T> {
    (!Span::current().has_field(field)).then_some(value)
}
