//! Problems as RFC 9457 describes them: the only errors this crate answers with.
//!
//! A 4xx says what to change, a 5xx is a fixed sentence. No text holds a value out of a request,
//! since every value can be personal data. The body is written by `observe`, which knows the
//! request's id.

mod kind;
#[cfg(test)]
mod tests;

use std::time::Duration;

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use lethe_common::filter::FilterError;
use lethe_common::job::JobId;
use lethe_common::ledger::LedgerError;
use serde::Serialize;
use utoipa::ToSchema;

use super::headers;

pub(crate) use kind::Kind;

/// What went wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    pub(crate) kind: Kind,
    pub(crate) detail: String,
    /// The field or parameter that is wrong, where it is one.
    pub(crate) field: Option<String>,
    /// What is missing, where a system's own API tells that apart.
    pub(crate) missing: Option<Missing>,
    /// The job that the request made before it came to this.
    job: Option<JobId>,
    /// When the same request may fare better, where that is known better than by its kind.
    retry_after: Option<u64>,
    /// The header `WWW-Authenticate`, if it is not the usual one.
    challenge: Option<String>,
}

/// What is missing, as far as a system's own API calls that by names of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Missing {
    Index,
    Task,
    /// The request makes no sense as a whole.
    Validity,
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
            field: None,
            missing: None,
            job: None,
            retry_after: kind.retry_after(),
            challenge: None,
        }
    }

    /// Says after how long the same request may fare better.
    pub(crate) fn with_retry_after(mut self, wait: Duration) -> Self {
        // Whole seconds, and never too early.
        self.retry_after = Some(wait.as_secs() + u64::from(wait.subsec_nanos() > 0));
        self
    }

    /// Says by which schemes credentials are accepted.
    pub(crate) fn with_challenge(mut self, challenge: String) -> Self {
        self.challenge = Some(challenge);
        self
    }

    /// Returns the problem with what is usually said about it.
    pub(crate) fn usual(kind: Kind) -> Self {
        Self::new(kind, kind.usual_detail())
    }

    /// Returns the problem of a field: where it is, and what to change.
    pub(crate) fn invalid(field: &str, what: impl std::fmt::Display) -> Self {
        Self {
            field: Some(field.to_owned()),
            ..Self::new(Kind::Invalid, format!("`{field}`: {what}"))
        }
    }

    /// Returns the problem of a filter: what is too deep is not read, and what is too long is too large.
    pub(crate) fn of_filter(field: &str, error: FilterError) -> Self {
        let kind = match error {
            FilterError::Deep => Kind::BadQuery,
            FilterError::ManyTerms => Kind::TooLarge,
            _ => Kind::Invalid,
        };
        Self::invalid(field, error).into_kind(kind)
    }

    /// Says what is missing, for a system whose own API tells that apart.
    pub(crate) fn lacking(self, missing: Missing) -> Self {
        Self {
            missing: Some(missing),
            ..self
        }
    }

    /// Says which job the request made.
    pub(crate) fn about(self, job: JobId) -> Self {
        Self { job: Some(job), ..self }
    }

    /// Returns the same as a problem of another kind, where a system's own API has it so.
    pub(crate) fn into_kind(self, kind: Kind) -> Self {
        Self { kind, ..self }
    }

    /// Calls the field as a system's own API does: `words` are what the names begin with here and there.
    pub(crate) fn in_words(self, words: &[(&str, &str)]) -> Self {
        let renamed = self.field.as_ref().and_then(|field| {
            let there = |(here, there): &(&str, &str)| Some(format!("{there}{}", field.strip_prefix(here)?));
            Some((format!("`{field}`"), words.iter().find_map(there)?))
        });
        match renamed {
            Some((here, there)) => Self {
                detail: self.detail.replacen(&here, &format!("`{there}`"), 1),
                field: Some(there),
                ..self
            },
            None => self,
        }
    }

    /// Says this in place of the detail.
    pub(crate) fn says(self, detail: String) -> Self {
        Self { detail, ..self }
    }

    /// Says `what` before the detail, if the problem is of this kind.
    pub(crate) fn beginning(self, kind: Kind, what: &str) -> Self {
        if self.kind == kind {
            let detail = format!("{what}: {}", self.detail);
            return self.says(detail);
        }
        self
    }

    /// Says which field would have to say more, or something else.
    pub(crate) fn of_field(self, field: &str) -> Self {
        Self {
            field: Some(field.to_owned()),
            ..self
        }
    }

    /// Returns what to say in a body that has one text only.
    pub(crate) fn text(&self, request_id: &str) -> String {
        match self.kind {
            Kind::Internal => format!("Internal server error; its log calls this request {request_id}"),
            // Only the native API has such keys.
            _ => match self.detail.split_once(", with the same idempotency key") {
                Some((detail, _)) => detail.to_owned(),
                None => self.detail.clone(),
            },
        }
    }

    pub(crate) fn unknown_job() -> Self {
        Self::new(Kind::NotFound, "no job has this id, or it is not yours")
    }

    /// Returns the problem that a response without a body of ours stands for.
    pub(crate) fn of_response(response: &Response) -> Option<Self> {
        let status = response.status();
        match response.extensions().get::<Self>() {
            Some(problem) => Some(problem.clone()),
            None if response.extensions().get::<Whole>().is_some() => None,
            None if is_error(status) => Some(Self::usual(Kind::of_status(status))),
            None => None,
        }
    }

    /// Returns the body, for a request called `request_id`.
    pub(crate) fn body(&self, status: StatusCode, request_id: &str) -> Response {
        let body = ProblemBody {
            r#type: format!("urn:lethe:problem:{}", self.kind.code()),
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
}

/// Marks an answer that has an error's status, and a body of its own.
#[derive(Clone, Copy)]
pub(crate) struct Whole;

/// A 503 of `/readyz` is no error: it has a body of its own.
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
