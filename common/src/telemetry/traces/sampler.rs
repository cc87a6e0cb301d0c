//! Sampling: the work of a sampled request is sampled too, although it is a trace of its own.

use opentelemetry::trace::{Link, SpanKind, TraceId};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::trace::{Sampler, SamplingResult, ShouldSample};

/// Returns the sampler: a parent decides, then linked spans decide, then the ratio.
pub(super) fn sampler(ratio: f64) -> Sampler {
    Sampler::ParentBased(Box::new(Linked(Sampler::TraceIdRatioBased(ratio))))
}

/// Samples a span with links if one of the linked spans is sampled, and leaves other spans to another sampler.
#[derive(Debug, Clone)]
struct Linked(Sampler);

impl ShouldSample for Linked {
    fn should_sample(
        &self,
        parent_context: Option<&Context>,
        trace_id: TraceId,
        name: &str,
        span_kind: &SpanKind,
        attributes: &[KeyValue],
        links: &[Link],
    ) -> SamplingResult {
        let sampler = if links.is_empty() {
            &self.0
        } else if links.iter().any(|link| link.span_context.is_sampled()) {
            &Sampler::AlwaysOn
        } else {
            &Sampler::AlwaysOff
        };
        sampler.should_sample(parent_context, trace_id, name, span_kind, attributes, links)
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry::trace::{SpanContext, SpanId, TraceFlags, TraceState};
    use opentelemetry_sdk::trace::SamplingDecision;

    use super::*;

    /// Returns whether a root span with links is sampled.
    fn sampled(ratio: f64, links: &[bool]) -> bool {
        let link = |sampled: &bool| {
            let flags = TraceFlags::default().with_sampled(*sampled);
            let (trace, span) = (TraceId::from(7_u128), SpanId::from(7_u64));
            Link::with_context(SpanContext::new(trace, span, flags, true, TraceState::default()))
        };
        let links: Vec<Link> = links.iter().map(link).collect();
        let trace = TraceId::from(1_u128 << 127);
        let result = sampler(ratio).should_sample(None, trace, "", &SpanKind::Internal, &[], &links);
        matches!(result.decision, SamplingDecision::RecordAndSample)
    }

    #[test]
    fn a_linked_request_decides_before_the_ratio() {
        assert!(sampled(0.0, &[false, true]));
        assert!(!sampled(1.0, &[false]));
    }

    #[test]
    fn without_links_the_ratio_decides() {
        assert!(sampled(1.0, &[]));
        assert!(!sampled(0.0, &[]));
    }
}
