//! Problems as RFC 9457 describes them: the only errors this crate answers with.
//!
//! A 4xx says what to change, a 5xx is a fixed sentence. No text holds a value out of a request,
//! since every value can be personal data. The body is written by `observe`, which knows the
//! request's id.

mod kind;

use std::time::Duration;

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use lethe_common::filter::FilterError;
use lethe_common::job::JobId;
use lethe_common::ledger::LedgerError;
use serde::Serialize;
use utoipa::ToSchema;

use crate::answer;

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
            answer::name_job(headers, job);
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

#[cfg(test)]
mod tests {
    use axum::body::to_bytes;

    use super::*;

    /// Returns a problem as a caller sees it: the headers that matter, and the body.
    async fn seen(kind: Kind) -> String {
        let response = Problem::usual(kind).into_response();
        let headers: Vec<_> = [header::RETRY_AFTER, header::WWW_AUTHENTICATE]
            .iter()
            .filter_map(|name| {
                Some(format!(
                    "\n  {name}: {}",
                    response.headers().get(name)?.to_str().unwrap()
                ))
            })
            .collect();
        let answer = Problem::of_response(&response).unwrap().body(response.status(), "r");
        assert_eq!(answer.headers()[header::CONTENT_TYPE], "application/problem+json");
        let body = to_bytes(answer.into_body(), usize::MAX).await.unwrap();
        let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(body["status"], response.status().as_u16());
        assert_eq!(body["request_id"], "r");
        let text = |name: &str| body[name].as_str().unwrap().to_owned();
        let (kind, title, detail) = (text("type"), text("title"), text("detail"));
        format!("{} {kind}\n  {title}: {detail}{}", body["status"], headers.concat())
    }

    #[tokio::test]
    async fn every_problem_looks_like_this() {
        let mut all = Vec::new();
        for kind in Kind::ALL {
            all.push(seen(kind).await);
        }
        insta::assert_snapshot!(all.join("\n"), @r#"
        400 urn:lethe:problem:malformed
          The request cannot be read: change the request: see /openapi.json
        400 urn:lethe:problem:bad-query
          The query cannot be understood: change the request: see /openapi.json
        401 urn:lethe:problem:unauthorized
          The credentials are missing or not known: change the request: see /openapi.json
          www-authenticate: Bearer
        403 urn:lethe:problem:forbidden
          The credentials do not open this: change the request: see /openapi.json
        404 urn:lethe:problem:not-found
          There is no such thing: no route has this path: see /openapi.json
        405 urn:lethe:problem:method-not-allowed
          The method does not exist here: use a method that the header `allow` names
        408 urn:lethe:problem:timeout
          The request did not arrive in time: send the request faster
        409 urn:lethe:problem:job-ended
          The job has ended: change the request: see /openapi.json
        409 urn:lethe:problem:job-not-ended
          The job has neither failed nor been cancelled: change the request: see /openapi.json
        409 urn:lethe:problem:job-stopped
          The deletion was stopped: the job was cancelled or is held: it says what was erased and what was not
        409 urn:lethe:problem:selection-changed
          Something else is selected: change the request: see /openapi.json
        409 urn:lethe:problem:selection-too-large
          More than the limit is selected: change the request: see /openapi.json
        409 urn:lethe:problem:key-in-flight
          A request with this idempotency key is in flight: change the request: see /openapi.json
          retry-after: 1
        409 urn:lethe:problem:name-taken
          The name is taken: change the request: see /openapi.json
        409 urn:lethe:problem:still-served
          A worker has this mapping: change the request: see /openapi.json
        410 urn:lethe:problem:forgotten
          What this needs was forgotten: change the request: see /openapi.json
        413 urn:lethe:problem:too-large
          The body is too large: change the request: see /openapi.json
        415 urn:lethe:problem:media-type
          The body is of the wrong kind: change the request: see /openapi.json
        422 urn:lethe:problem:invalid
          The request cannot be accepted: change the request: see /openapi.json
        422 urn:lethe:problem:not-supported
          This is not supported yet: change the request: see /openapi.json
        422 urn:lethe:problem:limit-exceeded
          More than the limit is selected: change the request: see /openapi.json
        422 urn:lethe:problem:key-reused
          The idempotency key belongs to another request: change the request: see /openapi.json
        429 urn:lethe:problem:too-many-requests
          Too many requests: change the request: see /openapi.json
          retry-after: 1
        429 urn:lethe:problem:too-many-uploads
          Too many uploads at a time: change the request: see /openapi.json
          retry-after: 10
        429 urn:lethe:problem:too-many-streams
          Too many event streams at a time: change the request: see /openapi.json
          retry-after: 10
        500 urn:lethe:problem:internal
          Something is wrong on this side: this is a fault of the service: its log has more under this request id
        500 urn:lethe:problem:erasure-failed
          Not everything could be erased: the job says what was erased and what was not
        503 urn:lethe:problem:unfinished
          The job has not ended yet: send the same request again: it waits for the same job
          retry-after: 1
        503 urn:lethe:problem:queue-full
          Too many jobs are unfinished: change the request: see /openapi.json
          retry-after: 10
        503 urn:lethe:problem:ledger-unavailable
          The ledger cannot be reached: nothing was accepted by this request as far as is known: send it again, with the same idempotency key
          retry-after: 1
        503 urn:lethe:problem:issuer-unavailable
          The keys of the token's issuer cannot be read: nothing was touched: send the request again later, or with an API key
          retry-after: 10
        503 urn:lethe:problem:slow
          The answer took too long: send the request again, with the same idempotency key if it makes a job
          retry-after: 1
        "#);
    }

    #[test]
    fn a_status_of_a_library_becomes_a_problem() {
        for (status, kind) in [
            (StatusCode::NOT_FOUND, Some(Kind::NotFound)),
            (StatusCode::METHOD_NOT_ALLOWED, Some(Kind::MethodNotAllowed)),
            (StatusCode::PAYLOAD_TOO_LARGE, Some(Kind::TooLarge)),
            (StatusCode::IM_A_TEAPOT, Some(Kind::Malformed)),
            (StatusCode::BAD_GATEWAY, Some(Kind::Internal)),
            (StatusCode::OK, None),
            (StatusCode::NO_CONTENT, None),
        ] {
            let problem = Problem::of_response(&status.into_response());
            assert_eq!(problem.map(|problem| problem.kind), kind, "{status}");
        }
    }

    #[test]
    fn a_field_is_called_as_its_system_calls_it() {
        let words = [("select.ids", "memory_ids"), ("owner", "user_id")];
        let problem = |field: &str| Problem::invalid(field, "write `owner`").in_words(&words);
        let renamed = problem("select.ids[3]");
        assert_eq!(renamed.detail, "`memory_ids[3]`: write `owner`");
        assert_eq!(renamed.field.as_deref(), Some("memory_ids[3]"));
        assert_eq!(problem("table"), Problem::invalid("table", "write `owner`"));
    }

    #[test]
    fn what_the_ledger_says_is_not_said_again() {
        let problem = Problem::from(LedgerError::Url);
        assert_eq!(problem, Problem::usual(Kind::Internal));
    }
}
