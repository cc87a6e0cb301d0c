//! The start of logs and traces.

use std::io::{IsTerminal as _, stderr};

use tracing::Metadata;
use tracing_subscriber::filter::{FilterExt as _, LevelFilter, filter_fn};
use tracing_subscriber::layer::{Layer, Layered, SubscriberExt as _};
use tracing_subscriber::util::{SubscriberInitExt as _, TryInitError};
use tracing_subscriber::{EnvFilter, Registry};

use super::traces;
use crate::config::{Config, LogFormat};

/// The layer that sends spans to the receiver, if there is one.
pub(super) type Traces = Option<Box<dyn Layer<Registry> + Send + Sync>>;

/// The layer that writes log lines.
type Lines = Box<dyn Layer<Layered<Traces, Registry>> + Send + Sync>;

/// Why logs and traces do not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// Logging was started before in this process; it continues unchanged.
    #[error("logging was started before")]
    Started(#[from] TryInitError),
    /// The configuration names a receiver of traces, and this build has no exporter.
    #[error("this build sends no traces: remove [telemetry.otlp], or build with the feature `otlp`")]
    Unsupported,
    /// The exporter refuses the receiver's settings.
    #[error("the receiver of traces cannot be used: correct [telemetry.otlp]")]
    Receiver(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Starts logs and traces as the configuration says. Needs a Tokio runtime.
///
/// # Errors
///
/// Logging was started before in this process, or the receiver of traces cannot be used. An unreachable receiver is no
/// error.
pub fn init(config: &Config) -> Result<(), StartError> {
    let traces = traces::start(config)?;
    // `unless_in_span` asks the present span. So log lines show every span that traces need, at any level.
    let (is_tracing, most) = match traces {
        Some(_) => (true, LevelFilter::DEBUG),
        None => (false, LevelFilter::OFF),
    };
    let spans = filter_fn(move |metadata: &Metadata<'_>| is_tracing && traces::covers(metadata));
    // The filter was checked with the configuration. A wrong word in it is ignored, and is not fatal.
    let filter = EnvFilter::builder().parse_lossy(&config.log.level);
    let shown = filter.or(spans.with_max_level_hint(most));
    let lines = tracing_subscriber::fmt::layer().with_writer(stderr);
    let lines: Lines = match config.log.format {
        // Colours, unless NO_COLOR is set. Files and collectors get none.
        LogFormat::Human if stderr().is_terminal() => lines.boxed(),
        LogFormat::Human => lines.with_ansi(false).boxed(),
        LogFormat::Json => lines
            .json()
            .flatten_event(true)
            .with_span_list(true)
            .with_current_span(false)
            .boxed(),
    };
    tracing_subscriber::registry()
        .with(traces)
        .with(lines.with_filter(shown))
        .try_init()?;
    Ok(())
}
