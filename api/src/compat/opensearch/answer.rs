//! What OpenSearch's routes answer with, errors included.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use lethe_common::ledger::JobView;
use serde::Serialize;
use utoipa::ToSchema;

use crate::compat::document::ErrorShape;
use crate::problem::{Kind, Problem};

/// What went wrong, as OpenSearch says it.
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

/// Why.
#[derive(Clone, Serialize, ToSchema)]
#[schema(as = OpenSearchCause)]
pub(super) struct Cause {
    /// What kind of error it is.
    #[schema(example = "status_exception")]
    r#type: &'static str,
    /// What went wrong.
    reason: String,
}

/// A document that was deleted.
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
    /// When the deletion was accepted, in milliseconds since 1970: it grows as a sequence does.
    _seq_no: i64,
    /// Always 1.
    _primary_term: u64,
}

/// In how many stores the memory was looked for and is gone.
#[derive(Serialize, ToSchema)]
#[schema(as = OpenSearchShards)]
struct Shards {
    total: usize,
    successful: usize,
    failed: usize,
}

/// What a deletion by query came to.
#[derive(Serialize, ToSchema)]
#[schema(as = OpenSearchDeletedByQuery)]
pub(crate) struct DeletedByQuery {
    /// Milliseconds from its acceptance to its end.
    took: i64,
    timed_out: bool,
    /// Memories that matched.
    total: u64,
    updated: u64,
    created: u64,
    /// Memories that were erased.
    deleted: u64,
    batches: u64,
    /// Memories that changed in between, and stay.
    version_conflicts: u64,
    noops: u64,
    retries: Retries,
    throttled_millis: u64,
    requests_per_second: f64,
    throttled_until_millis: u64,
    /// Why not everything could be erased, if so.
    failures: Vec<Failure>,
}

/// Always 0: what is tried again is not counted one by one.
#[derive(Default, Serialize, ToSchema)]
#[schema(as = OpenSearchRetries)]
struct Retries {
    bulk: u64,
    search: u64,
}

/// Why not everything could be erased.
#[derive(Serialize, ToSchema)]
#[schema(as = OpenSearchFailure)]
struct Failure {
    /// The table.
    index: String,
    cause: Cause,
    status: u16,
}

/// What is answered beside success.
pub(super) type Errors = crate::compat::document::Errors<ErrorBody>;

impl ErrorShape for ErrorBody {
    const STATUSES: &'static [u16] = &[400, 401, 403, 404, 408, 409, 413, 415, 429, 500, 503];
}

impl Deleted {
    /// Says that a job has erased a memory.
    pub(super) fn new(job: &JobView, id: String, table: String) -> Self {
        Self {
            result: "deleted",
            _id: id,
            // A document that was written once is version 1, and its deletion version 2.
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
    /// Says what a job that has ended came to.
    pub(super) fn new(job: &JobView, table: &str, batch: u32) -> Self {
        let count = |outcome: &str| {
            let counts = job.stores.iter().filter_map(|store| store.counts.get(outcome));
            counts.copied().max().unwrap_or(0)
        };
        let failure = job.error_code.as_ref().map(|code| Failure {
            index: table.to_owned(),
            cause: Cause {
                r#type: "status_exception",
                reason: code.clone(),
            },
            status: 500,
        });
        Self {
            took: job.ended_at.map_or(0, |ended| ended - job.accepted_at).max(0),
            timed_out: false,
            total: job.selected,
            updated: 0,
            created: 0,
            deleted: count("erased"),
            batches: job.selected.div_ceil(u64::from(batch.max(1))),
            version_conflicts: count("conflicted"),
            noops: 0,
            retries: Retries::default(),
            throttled_millis: 0,
            requests_per_second: -1.0,
            throttled_until_millis: 0,
            failures: failure.into_iter().collect(),
        }
    }
}

/// Says a problem as OpenSearch does.
pub(in crate::compat) fn error(problem: &Problem, status: StatusCode, request_id: &str) -> Response {
    // OpenSearch has no 422.
    let status = match status {
        StatusCode::UNPROCESSABLE_ENTITY => StatusCode::BAD_REQUEST,
        status => status,
    };
    let r#type = match (problem.kind, status) {
        (Kind::BadQuery, _) => "parsing_exception",
        (_, StatusCode::UNAUTHORIZED) => "security_exception",
        (_, StatusCode::BAD_REQUEST | StatusCode::METHOD_NOT_ALLOWED) => "illegal_argument_exception",
        _ => "status_exception",
    };
    let cause = Cause {
        r#type,
        reason: problem.text(request_id),
    };
    let body = ErrorBody {
        error: ErrorCause {
            root_cause: [cause.clone()],
            r#type,
            reason: cause.reason,
        },
        status: status.as_u16(),
    };
    (status, Json(body)).into_response()
}
