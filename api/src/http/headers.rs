//! Headers that several routes read or write.

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use lethe_common::job::JobId;
use lethe_common::telemetry::TraceContext;

/// The id of the job that an answer is about.
const JOB: HeaderName = HeaderName::from_static("lethe-job");

/// Returns the trace of the request. The job keeps it, so that traces lead to the job.
pub(crate) fn trace(headers: &HeaderMap) -> Option<String> {
    let trace: TraceContext = headers.get("traceparent")?.to_str().ok()?.parse().ok()?;
    Some(trace.to_string())
}

/// Writes the job's id into the headers of an answer.
pub(crate) fn name_job(headers: &mut HeaderMap, job: JobId) {
    let id = HeaderValue::try_from(job.to_string()).expect("a UUID is printable ASCII");
    headers.insert(JOB, id);
}
