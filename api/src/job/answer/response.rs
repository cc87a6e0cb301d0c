//! Answers about a job.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use lethe_common::ledger::JobView;

use super::job::Job;
use crate::http::headers::name_job;
use crate::http::prefer::Prefer;

/// Returns an answer with a job of the caller, its location, and the applied preferences.
// Its preview names workspaces that the caller itself asked for. Jobs of others are read by `previewed`.
pub(crate) fn with_job(status: StatusCode, job: JobView, prefer: Prefer) -> Response {
    let id = job.id;
    let mut response = (status, Json(Job::from(job))).into_response();
    let headers = response.headers_mut();
    prefer.applied(headers);
    let location = HeaderValue::try_from(format!("/v1/jobs/{id}"));
    headers.insert(header::LOCATION, location.expect("a UUID is printable ASCII"));
    name_job(headers, id);
    response
}
