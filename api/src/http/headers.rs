//! Headers that several routes read or write.

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use lethe_common::job::JobId;
use lethe_common::telemetry::{self, TraceContext};
use tracing::Span;

/// The id of the job that an answer is about.
const JOB: HeaderName = HeaderName::from_static("lethe-job");

/// Returns the span that the caller's trace continues from.
pub(crate) fn caller(headers: &HeaderMap) -> Option<TraceContext> {
    headers.get("traceparent")?.to_str().ok()?.parse().ok()
}

/// Returns the trace of the request: the present span's, or the caller's if this process sends no traces. The job keeps
/// it, so that traces lead to the job.
pub(crate) fn trace(headers: &HeaderMap) -> Option<String> {
    let trace = telemetry::context(&Span::current()).or_else(|| caller(headers))?;
    Some(trace.to_string())
}

/// Writes the job's id into the headers of an answer.
pub(crate) fn name_job(headers: &mut HeaderMap, job: JobId) {
    let id = HeaderValue::try_from(job.to_string()).expect("a UUID is printable ASCII");
    headers.insert(JOB, id);
}
