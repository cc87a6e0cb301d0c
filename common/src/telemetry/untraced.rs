//! Traces in a build without the feature `otlp`: none.

use tracing::{Metadata, Span};

use super::TraceContext;
use super::init::{StartError, Traces};
use crate::config::{Config, StoreServer};

/// Refuses a receiver of traces.
pub(super) fn start(config: &Config) -> Result<Traces, StartError> {
    match config.telemetry.otlp {
        Some(_) => Err(StartError::Unsupported),
        None => Ok(None),
    }
}

/// Returns whether traces have a span.
pub(super) fn covers(_metadata: &Metadata<'_>) -> bool {
    false
}

/// Sends the last spans. This build has none.
pub fn stop() {}

/// Makes a span that has not begun the child of a caller's span. This build sends no spans.
pub fn follow(_span: &Span, _caller: TraceContext) {}

/// Links a span that has not begun to the span of a request. This build sends no spans.
pub fn link(_span: &Span, _request: TraceContext) {}

/// Returns the context of a span in traces. This build sends no spans.
pub fn context(_span: &Span) -> Option<TraceContext> {
    None
}

/// Notes the status of the answer to a request. This build sends no spans.
pub fn answered(_span: &Span, _status: u16) {}

/// Notes the server of a store call. This build sends no spans.
pub fn calls(_span: &Span, _server: &StoreServer) {}
