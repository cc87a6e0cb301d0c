//! Every problem as callers see it.

use axum::body::to_bytes;
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse};
use lethe_common::ledger::LedgerError;
use strum::VariantArray;

use super::*;

/// Returns a problem as a caller sees it: its relevant headers, and its body.
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
#[expect(clippy::too_many_lines, reason = "a snapshot of all problems")]
async fn every_problem_looks_like_this() {
    let mut all = Vec::new();
    for &kind in Kind::VARIANTS {
        all.push(seen(kind).await);
    }
    insta::assert_snapshot!(all.join("\n"), @r#"
    400 /problems#malformed
      The request cannot be read: change the request: see /openapi.json
    400 /problems#bad-query
      The query cannot be understood: change the request: see /openapi.json
    401 /problems#unauthorized
      The credentials are missing or not known: change the request: see /openapi.json
      www-authenticate: Bearer
    403 /problems#forbidden
      The credentials do not allow this: change the request: see /openapi.json
    404 /problems#not-found
      Not found: no route has this path: see /openapi.json
    404 /problems#no-receipt
      There is no such receipt: change the request: see /openapi.json
    405 /problems#method-not-allowed
      The method does not exist here: use a method that the header `allow` names
    408 /problems#timeout
      The request did not arrive in time: send the request faster
    409 /problems#job-ended
      The job has ended: change the request: see /openapi.json
    409 /problems#job-not-ended
      The job has neither failed nor been cancelled: change the request: see /openapi.json
    409 /problems#not-extendable
      The deadline cannot be extended: change the request: see /openapi.json
    409 /problems#job-stopped
      The deletion was stopped: the job was cancelled or is held: it says what was erased and what was not
    409 /problems#selection-changed
      The selection has changed: change the request: see /openapi.json
    409 /problems#selection-too-large
      More than the limit is selected: change the request: see /openapi.json
    409 /problems#key-in-flight
      A request with this idempotency key is in flight: change the request: see /openapi.json
      retry-after: 1
    409 /problems#name-taken
      The name is taken: change the request: see /openapi.json
    409 /problems#too-many-schedules
      You have too many schedules: change the request: see /openapi.json
    409 /problems#too-many-holds
      Too many holds are in force: change the request: see /openapi.json
    409 /problems#secrets-overlap
      The key has another number of secrets: change the request: see /openapi.json
    409 /problems#still-served
      A worker has this mapping: change the request: see /openapi.json
    410 /problems#forgotten
      The data of this request is deleted: change the request: see /openapi.json
    413 /problems#too-large
      The body is too large: change the request: see /openapi.json
    415 /problems#media-type
      The content type is wrong: change the request: see /openapi.json
    422 /problems#invalid
      The request cannot be accepted: change the request: see /openapi.json
    422 /problems#everything-unsaid
      A hold on everything must say so: change the request: see /openapi.json
    422 /problems#not-supported
      This is not supported yet: change the request: see /openapi.json
    422 /problems#limit-exceeded
      More than the limit is selected: change the request: see /openapi.json
    422 /problems#key-reused
      The idempotency key belongs to another request: change the request: see /openapi.json
    429 /problems#too-many-requests
      Too many requests: change the request: see /openapi.json
      retry-after: 1
    429 /problems#too-many-uploads
      Too many uploads at a time: change the request: see /openapi.json
      retry-after: 10
    429 /problems#too-many-streams
      Too many event streams at a time: change the request: see /openapi.json
      retry-after: 10
    429 /problems#too-many-bytes
      Too many bytes of bodies at a time: change the request: see /openapi.json
      retry-after: 1
    429 /problems#too-many-jobs
      Too many of your jobs are unfinished: change the request: see /openapi.json
      retry-after: 10
    429 /problems#too-many-ids
      Your unfinished jobs have too many ids: change the request: see /openapi.json
      retry-after: 10
    503 /problems#too-many-connections
      Too many connections: change the request: see /openapi.json
      retry-after: 1
    500 /problems#internal
      The service failed: the service's log has details under this request id
    500 /problems#erasure-failed
      Not everything could be erased: the job says what was erased and what was not
    503 /problems#unfinished
      The job has not ended yet: send the same request again: it waits for the same job
      retry-after: 1
    503 /problems#receipt-pending
      The receipt is not signed yet: the receipt is written, and not signed yet: send the request again
      retry-after: 1
    503 /problems#queue-full
      Too many jobs are unfinished: change the request: see /openapi.json
      retry-after: 10
    503 /problems#ledger-unavailable
      The ledger cannot be reached: the request was probably not accepted: send it again, with the same idempotency key if it makes a job
      retry-after: 1
    503 /problems#issuer-unavailable
      The keys of the token's issuer cannot be read: nothing was touched: send the request again later, or with an API key
      retry-after: 10
    503 /problems#slow
      The answer took too long: send the request again, with the same idempotency key if it makes a job
      retry-after: 1
    "#);
}

#[test]
fn every_problem_is_a_section_of_the_page_and_a_row_of_the_guide() {
    let guide = include_str!("../../../../docs/src/reference/problems.md");
    let Html(page) = page::render();
    for &kind in Kind::VARIANTS {
        let (code, status) = (kind.code(), kind.status().as_u16());
        let section = format!("<h2 id=\"{code}\">");
        assert_eq!(page.matches(&section).count(), 1, "{code}");
        let row = format!("| {status} | <a id=\"{code}\"></a>`{code}` | ");
        assert_eq!(guide.matches(&row).count(), 1, "{row}");
        let says_when = guide
            .lines()
            .any(|line| line.starts_with(&row) && line.contains("Retry-After"));
        assert_eq!(says_when, kind.retry_after().is_some(), "{code}");
        for text in [kind.title(), kind.usual_detail()] {
            assert!(!text.contains(['<', '>', '&']), "the page does not escape {text}");
        }
    }
    assert_eq!(guide.matches("<a id=").count(), Kind::VARIANTS.len());
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
fn a_request_that_only_reads_needs_no_idempotency_key() {
    for kind in [Kind::LedgerUnavailable, Kind::Slow] {
        assert_eq!(Problem::usual(kind).of_reading().detail, "send the request again");
        let own = Problem::new(kind, "another text");
        assert_eq!(own.clone().of_reading(), own);
    }
    for &kind in Kind::VARIANTS {
        let detail = Problem::usual(kind).of_reading().detail;
        assert!(!detail.contains("idempotency key"), "{kind:?}: {detail}");
    }
}

#[test]
fn what_the_ledger_says_is_not_said_again() {
    let problem = Problem::from(LedgerError::Url);
    assert_eq!(problem, Problem::usual(Kind::Internal));
}

#[test]
fn a_ledger_that_answers_is_not_said_to_be_away() {
    let problem = Problem::from(LedgerError::Contended);
    assert_eq!((problem.kind, problem.retry_after), (Kind::LedgerUnavailable, Some(1)));
    assert!(problem.detail.starts_with("other requests"), "{}", problem.detail);
}
