//! Logs on standard error, and the context by which a request is followed across services.
//!
//! No exporter: whoever wants spans elsewhere collects the JSON lines, which carry their fields.
//! What must never be in a line is a matter of the one who writes it.

mod traceparent;

use std::io::{IsTerminal as _, stderr};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::{SubscriberInitExt as _, TryInitError};

use crate::config::{Log, LogFormat};

pub use traceparent::{InvalidTraceparent, TraceContext};

/// Starts logging as the configuration says.
///
/// # Errors
///
/// Logging was started before in this process; it goes on as it was.
pub fn init(log: &Log) -> Result<(), TryInitError> {
    // The filter was checked with the configuration; a wrong word in it is left out, not fatal.
    let filter = EnvFilter::builder().parse_lossy(&log.level);
    let registry = tracing_subscriber::registry().with(filter);
    let lines = tracing_subscriber::fmt::layer().with_writer(stderr);
    match log.format {
        // Colours, unless NO_COLOR is set; in a file or a collector they would be noise.
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
