//! A problem as an answer.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::kind::Kind;
use super::page;
use super::value::Problem;
use crate::http::headers;

/// A problem, as RFC 9457 defines it.
#[derive(Serialize, ToSchema)]
#[schema(as = Problem)]
pub(crate) struct ProblemBody {
    /// The type of the problem: a section of this API's page `/problems`, by a word of a closed list.
    #[schema(example = "/problems#invalid")]
    r#type: String,
    /// The title of the problem.
    title: &'static str,
    /// The HTTP status.
    #[schema(example = 422)]
    status: u16,
    /// What to change, or what to do.
    detail: String,
    /// The id of this request in the service's log.
    request_id: String,
}

impl Problem {
    /// Returns the problem of a response whose body is still to be written.
    pub(crate) fn of_response(response: &Response) -> Option<Self> {
        let status = response.status();
        match response.extensions().get::<Self>() {
            _ if response.extensions().get::<Whole>().is_some() => None,
            Some(problem) => Some(problem.clone()),
            None if is_error(status) => Some(Self::usual(Kind::of_status(status))),
            None => None,
        }
    }

    /// Returns the body, for a request called `request_id`.
    pub(crate) fn body(&self, status: StatusCode, request_id: &str) -> Response {
        let body = ProblemBody {
            r#type: format!("{}#{}", page::PATH, self.kind.code()),
            title: self.kind.title(),
            status: status.as_u16(),
            detail: self.detail.clone(),
            request_id: request_id.to_owned(),
        };
        let mut response = (status, Json(body)).into_response();
        response.headers_mut().insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        response
    }

    /// Returns the whole answer to a request that reaches no router.
    pub(crate) fn alone(self) -> Response {
        let mut answer = self.body(self.kind.status(), &Uuid::now_v7().to_string());
        let bare = self.into_response();
        answer.headers_mut().extend(bare.headers().clone());
        answer
    }
}

/// Marks an answer with the status of an error and a body of its own.
#[derive(Clone, Copy)]
pub(crate) struct Whole;

/// Returns whether a status is an error. A 503 of `/readyz` is none: it has a body of its own.
fn is_error(status: StatusCode) -> bool {
    (status.is_client_error() || status.is_server_error()) && status != StatusCode::SERVICE_UNAVAILABLE
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.kind.status().into_response();
        let headers = response.headers_mut();
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        if self.kind == Kind::Unauthorized {
            let challenge = self.challenge.as_deref().unwrap_or("Bearer");
            let challenge = HeaderValue::from_str(challenge).expect("a challenge is printable ASCII");
            headers.insert(header::WWW_AUTHENTICATE, challenge);
        }
        if let Some(job) = self.job {
            headers::name_job(headers, job);
        }
        response.extensions_mut().insert(self);
        response
    }
}
