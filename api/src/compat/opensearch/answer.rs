//! The answers of OpenSearch's routes, with errors.

use std::collections::BTreeMap;

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use lethe_common::ledger::{Act, JobView, Object};
use lethe_common::state::State;
use serde::Serialize;
use serde_json::Value;
use utoipa::openapi::{Ref, RefOr};
use utoipa::{IntoResponses, ToSchema};

use super::failures::{self, Failure};
use super::status::{Details, Status};
use super::values::illegal;
use crate::auth::Principal;
use crate::compat::document::{ErrorShape, Says, example_of};
use crate::http::problem::{Kind, Missing, Problem};
use crate::state::AppState;

/// An error in OpenSearch's format.
#[derive(Serialize, ToSchema)]
#[schema(as = OpenSearchError)]
pub(crate) struct ErrorBody {
    error: ErrorCause,
    /// The HTTP status.
    #[schema(example = 404)]
    status: u16,
}

/// An error and its causes.
#[derive(Serialize, ToSchema)]
#[schema(as = OpenSearchErrorCause)]
struct ErrorCause {
    root_cause: [Cause; 1],
    r#type: &'static str,
    reason: String,
}

/// The cause of an error.
#[derive(Clone, Serialize, ToSchema)]
#[schema(as = OpenSearchCause)]
pub(super) struct Cause {
    /// The kind of error.
    #[schema(example = "status_exception")]
    r#type: &'static str,
    /// The text of the error.
    reason: String,
}

/// A deleted document.
#[derive(Serialize, ToSchema)]
#[schema(as = OpenSearchDeleted)]
pub(crate) struct Deleted {
    /// Always `deleted`.
    result: &'static str,
    /// The memory's id.
    _id: String,
    /// The version after the deletion.
    _version: i64,
    _shards: Shards,
    /// The table.
    _index: String,
    /// The time of acceptance in milliseconds since 1970. It grows like a sequence number.
    _seq_no: i64,
    /// Always 1.
    _primary_term: u64,
}

/// The number of stores that the job searched. The memory is gone from all of them.
#[derive(Serialize, ToSchema)]
#[schema(as = OpenSearchShards)]
struct Shards {
    total: usize,
    successful: usize,
    failed: usize,
}

/// The result of a deletion by query.
#[derive(Serialize, ToSchema)]
#[schema(as = OpenSearchDeletedByQuery)]
pub(crate) struct DeletedByQuery {
    /// Milliseconds from the acceptance to the end.
    took: i64,
    timed_out: bool,
    #[serde(flatten)]
    status: Status,
    /// The reason for the early end of a cancelled deletion.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    canceled: Option<&'static str>,
    /// The failures, if some memories could not be erased.
    failures: Vec<Failure>,
}

/// The answer to a request without credentials.
const UNPROVEN: &str = "send one header `Authorization: Basic` with an API key's name as the user and the key as the password, \
                        or `Authorization: Bearer` and an API key or a token";

/// The answers other than success.
pub(super) type Errors = crate::compat::document::Errors<ErrorBody>;

impl ErrorShape for ErrorBody {
    const STATUSES: &'static [u16] = &[400, 401, 403, 404, 406, 408, 409, 413, 429, 500, 503];

    fn example(status: u16) -> Option<Value> {
        example_of::<Self>(status)
    }
}

impl Deleted {
    /// Returns the answer for the memory that a job has erased.
    pub(super) fn new(job: &JobView, id: String, table: String) -> Self {
        Self {
            result: "deleted",
            _id: id,
            // A document that was written once has version 1, and its deletion has version 2.
            _version: job.version_erased.unwrap_or(1).saturating_add(1),
            _shards: Shards {
                total: job.stores.len(),
                successful: job.stores.len(),
                failed: 0,
            },
            _index: table,
            _seq_no: job.accepted_at,
            _primary_term: 1,
        }
    }
}

impl DeletedByQuery {
    /// Returns the status of the answer: the highest status of its failures. OpenSearch's
    /// `BulkIndexByScrollResponseContentListener` does the same.
    pub(super) fn status(&self) -> StatusCode {
        let highest = self.failures.iter().map(Failure::status).max();
        highest.unwrap_or(StatusCode::OK)
    }

    /// Returns the result of a job that has ended or is held, with the memories that failed.
    ///
    /// # Errors
    /// The ledger cannot return the failed memories.
    pub(super) async fn of(state: &AppState, principal: &Principal, job: &JobView) -> Result<Self, Problem> {
        let failures = failures::of(state, job).await?;
        if !failures.is_empty() {
            state
                .readings()
                .note(principal, Act::JobItems, Object::Job(job.id))
                .await?;
        }
        let details = Details::of(state, std::slice::from_ref(job)).await?;
        let ended_at = job.ended_at.or(job.held_at);
        Ok(Self {
            took: ended_at.map_or(0, |ended| ended - job.accepted_at).max(0),
            timed_out: false,
            status: Status::new(job, &details),
            canceled: (job.state == State::Cancelled).then_some("by user request"),
            failures,
        })
    }
}

/// A deletion by query with failures: their highest status is the answer's. Or a problem without failures.
#[derive(Serialize, ToSchema)]
#[schema(as = OpenSearchStopped)]
#[serde(untagged)]
#[expect(dead_code, reason = "only for the document")]
pub(crate) enum Stopped {
    /// The result.
    Failed(DeletedByQuery),
    /// A problem.
    Refused(ErrorBody),
}

/// The answers other than success to a deletion by query in an index.
pub(super) struct StoppedOr;

impl IntoResponses for StoppedOr {
    fn responses() -> BTreeMap<String, RefOr<utoipa::openapi::Response>> {
        let mut responses = Errors::responses();
        for status in ["409", "500"] {
            let Some(RefOr::T(response)) = responses.get_mut(status) else {
                continue;
            };
            for content in response.content.values_mut() {
                if let RefOr::T(content) = content {
                    content.schema = Some(Ref::from_schema_name("OpenSearchStopped").into());
                }
            }
        }
        responses
    }
}

/// The answers other than success about one task.
pub(super) struct Refused;

impl IntoResponses for Refused {
    fn responses() -> BTreeMap<String, RefOr<utoipa::openapi::Response>> {
        // Task routes make no job, and a stopped job is no error there.
        without(&["202", "409"])
    }
}

/// The answers other than success of routes without a single task.
pub(super) struct RefusedAtAll;

impl IntoResponses for RefusedAtAll {
    fn responses() -> BTreeMap<String, RefOr<utoipa::openapi::Response>> {
        without(&["202", "403", "404", "409"])
    }
}

fn without(statuses: &[&str]) -> BTreeMap<String, RefOr<utoipa::openapi::Response>> {
    let mut responses = Errors::responses();
    responses.retain(|status, _| !statuses.contains(&status.as_str()));
    responses
}

impl Cause {
    /// Returns the cause for a task that was refused after its start.
    pub(super) fn of(problem: &Problem) -> Self {
        Self {
            r#type: "illegal_argument_exception",
            reason: problem.detail.clone(),
        }
    }
}

impl Says for ErrorBody {
    fn of(problem: &Problem, status: StatusCode, request_id: &str) -> Self {
        let r#type = match (problem.kind, status) {
            _ if problem.missing == Some(Missing::Index) => "index_not_found_exception",
            _ if problem.missing == Some(Missing::Task) => "resource_not_found_exception",
            _ if problem.missing == Some(Missing::Validity) => "action_request_validation_exception",
            (Kind::BadQuery, _) => "parsing_exception",
            (Kind::MediaType, _) => "media_type_header_exception",
            (_, StatusCode::UNAUTHORIZED) => "security_exception",
            (_, StatusCode::BAD_REQUEST | StatusCode::METHOD_NOT_ALLOWED) => "illegal_argument_exception",
            _ => "status_exception",
        };
        let cause = Cause {
            r#type,
            reason: problem.text(request_id),
        };
        Self {
            error: ErrorCause {
                root_cause: [cause.clone()],
                r#type,
                reason: cause.reason,
            },
            status: status.as_u16(),
        }
    }

    fn special(status: u16) -> Option<Problem> {
        match status {
            400 => Some(illegal("request contains unrecognized parameter: [q]")),
            401 => Some(Problem::new(Kind::Unauthorized, UNPROVEN)),
            404 => Some(Problem::new(Kind::NotFound, "Memory not found")),
            _ => None,
        }
    }
}

/// Returns a problem as a response in OpenSearch's format.
pub(in crate::compat) fn error(problem: &Problem, status: StatusCode, request_id: &str) -> Response {
    // OpenSearch has neither 415 nor 422.
    let status = match status {
        StatusCode::UNSUPPORTED_MEDIA_TYPE => StatusCode::NOT_ACCEPTABLE,
        StatusCode::UNPROCESSABLE_ENTITY => StatusCode::BAD_REQUEST,
        status => status,
    };
    (status, Json(ErrorBody::of(problem, status, request_id))).into_response()
}
