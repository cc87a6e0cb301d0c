//! Problems as RFC 9457 describes them: the only errors this crate answers with.
//!
//! A 4xx says what to change, a 5xx is a fixed sentence. No text holds a value out of a request,
//! since every value can be personal data. The body is written by `observe`, which knows the
//! request's id.

mod kind;

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use lethe_common::ledger::LedgerError;
use serde::Serialize;
use utoipa::ToSchema;

pub(crate) use kind::Kind;

/// What went wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    pub(crate) kind: Kind,
    pub(crate) detail: String,
}

/// What went wrong, as RFC 9457 has it.
#[derive(Serialize, ToSchema)]
#[schema(as = Problem)]
pub(crate) struct ProblemBody {
    /// Which problem it is: `urn:lethe:problem:` and a word of a closed list.
    #[schema(example = "urn:lethe:problem:invalid")]
    r#type: String,
    /// What the problem is called.
    title: &'static str,
    /// The HTTP status.
    #[schema(example = 422)]
    status: u16,
    /// What to change, or what can be done.
    detail: String,
    /// What the service's log calls this request.
    request_id: String,
}

impl Problem {
    pub(crate) fn new(kind: Kind, detail: impl Into<String>) -> Self {
        Self {
            kind,
            detail: detail.into(),
        }
    }

    /// Returns the problem with what is usually said about it.
    pub(crate) fn usual(kind: Kind) -> Self {
        Self::new(kind, kind.usual_detail())
    }

    /// Returns the problem of a field: where it is, and what to change.
    pub(crate) fn invalid(field: &str, what: impl std::fmt::Display) -> Self {
        Self::new(Kind::Invalid, format!("`{field}`: {what}"))
    }

    pub(crate) fn unknown_job() -> Self {
        Self::new(Kind::NotFound, "no job has this id, or it is not yours")
    }

    /// Returns the problem that a response without a body of ours stands for.
    pub(crate) fn of_response(response: &Response) -> Option<Self> {
        let status = response.status();
        match response.extensions().get::<Self>() {
            Some(problem) => Some(problem.clone()),
            None if is_error(status) => Some(Self::usual(Kind::of_status(status))),
            None => None,
        }
    }

    /// Returns the body, for a request called `request_id`.
    pub(crate) fn body(self, status: StatusCode, request_id: &str) -> Response {
        let body = ProblemBody {
            r#type: format!("urn:lethe:problem:{}", self.kind.code()),
            title: self.kind.title(),
            status: status.as_u16(),
            detail: self.detail,
            request_id: request_id.to_owned(),
        };
        let mut response = (status, Json(body)).into_response();
        response.headers_mut().insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        response
    }
}

/// A 503 of `/readyz` is no error: it has a body of its own.
fn is_error(status: StatusCode) -> bool {
    (status.is_client_error() || status.is_server_error()) && status != StatusCode::SERVICE_UNAVAILABLE
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.kind.status().into_response();
        let headers = response.headers_mut();
        if let Some(seconds) = self.kind.retry_after() {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        if self.kind == Kind::Unauthorized {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response.extensions_mut().insert(self);
        response
    }
}

impl From<LedgerError> for Problem {
    fn from(error: LedgerError) -> Self {
        let sqlstate = error.sqlstate();
        if error.is_transient() {
            tracing::warn!(error = %error, sqlstate, "the ledger did not answer");
            Self::usual(Kind::LedgerUnavailable)
        } else {
            tracing::error!(error = %error, sqlstate, "the ledger refused");
            Self::usual(Kind::Internal)
        }
    }
}
