//! Facts about spans that only traces need, and the contexts that lead from one span to another.

use opentelemetry::Context;
use opentelemetry::trace::{SpanContext, SpanId, TraceContextExt as _, TraceFlags, TraceId, TraceState};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

use super::attributes::{ADDRESS, FAILURE, STATUS, SYSTEM};
use crate::config::StoreServer;
use crate::telemetry::TraceContext;

/// The first status of answers that are faults of the server.
const SERVER_ERROR: u16 = 500;

/// Makes a span that has not begun the child of a caller's span.
pub fn follow(span: &Span, caller: TraceContext) {
    let parent = Context::new().with_remote_span_context(remote(caller));
    // It fails for a span that traces do not have.
    span.set_parent(parent).ok();
}

/// Links a span that has not begun to the span of a request.
pub fn link(span: &Span, request: TraceContext) {
    span.add_link(remote(request));
}

/// Returns the context of a span in traces, for a job that its work is linked to. `None` if traces do not have the span.
pub fn context(span: &Span) -> Option<TraceContext> {
    let context = span.context();
    let span = context.span();
    let context = span.span_context();
    context.is_valid().then(|| TraceContext {
        trace_id: u128::from_be_bytes(context.trace_id().to_bytes()),
        span_id: u64::from_be_bytes(context.span_id().to_bytes()),
        sampled: context.is_sampled(),
    })
}

/// Notes the status of the answer to a request. Log lines say it by themselves.
pub fn answered(span: &Span, status: u16) {
    span.set_attribute(STATUS, i64::from(status));
    if status >= SERVER_ERROR {
        span.set_attribute(FAILURE, status.to_string());
    }
}

/// Notes the server of a store call.
pub fn calls(span: &Span, server: &StoreServer) {
    span.set_attribute(SYSTEM, server.system);
    if let Some(address) = &server.address {
        span.set_attribute(ADDRESS, address.clone());
    }
}

fn remote(context: TraceContext) -> SpanContext {
    SpanContext::new(
        TraceId::from(context.trace_id),
        SpanId::from(context.span_id),
        TraceFlags::default().with_sampled(context.sampled),
        true,
        TraceState::default(),
    )
}
