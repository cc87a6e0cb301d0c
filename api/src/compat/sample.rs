//! Example answers in the `OpenAPI` document: a job, and a problem for each status.

use serde_json::{Value, json};

use crate::http::problem::{Kind, Problem};

/// The id of the job in examples.
const JOB: &str = "0198f3a2-6a1c-7b60-9d2e-5a3c1f0e8b47";

/// The id of the request in examples.
pub(super) const REQUEST_ID: &str = "0198f3a2-6a1b-7f00-8c1d-2b3a4f5e6d70";

/// Returns a job that has not ended.
pub(crate) fn job() -> Value {
    let counts = json!({
        "erased": 0, "absent": 0, "held": 0, "conflicted": 0, "unsupported": 0, "unverifiable": 0, "failed": 0, "left": 0,
        "residue": 0,
    });
    json!({
        "id": JOB, "version": 1, "schedule": null, "reference": null, "labels": {}, "ground": null, "deadline": null, "principal": "web", "state": "queued", "kind": "ids",
        "target": "main", "table": "memories", "dry_run": false, "limit": null, "expect": null, "preview": null,
        "per_second": null, "selected": 1, "remaining": 1,
        "stores": [
            {"target": "main", "store": "sql", "counts": counts},
            {"target": "main", "store": "vector", "counts": counts},
        ],
        "progress": 0.0, "rate": null, "eta": null, "attempt": 1, "attempts": [], "snapshot": null, "warnings": [], "round": 0,
        "waits_for": null, "next_attempt_at": "2026-01-31T12:00:00Z", "error_code": null,
        "accepted_at": "2026-01-31T12:00:00Z", "not_before": "2026-01-31T12:00:00Z", "started_at": null,
        "ended_at": null, "receipt": null,
    })
}

/// Returns a problem with this status.
pub(super) fn problem(status: u16) -> Problem {
    let says = |kind, detail: &str| Problem::new(kind, detail);
    let goes_on = format!("see the erased and remaining memories with `GET /v1/jobs/{JOB}`");
    match status {
        400 => says(Kind::Malformed, "write valid JSON: it is not in line 1, column 1"),
        401 => says(
            Kind::Unauthorized,
            "send one header `Authorization: Bearer` and an API key or a token",
        ),
        403 => says(
            Kind::Forbidden,
            "use an API key or a token with the scope `memories:delete`",
        ),
        404 => Problem::usual(Kind::NotFound),
        405 => Problem::usual(Kind::MethodNotAllowed),
        408 => Problem::usual(Kind::Timeout),
        409 => Problem::new(Kind::JobStopped, format!("job {JOB} is cancelled: {goes_on}")),
        413 => says(
            Kind::TooLarge,
            "send at most 16777216 bytes: split it into several requests",
        ),
        406 | 415 => says(Kind::MediaType, "send `content-type: application/json`"),
        422 => Problem::invalid("user_id", "write something, or leave it out"),
        429 => says(
            Kind::TooManyRequests,
            "send requests more slowly: see the header `ratelimit-policy`",
        ),
        500 => Problem::new(
            Kind::ErasureFailed,
            format!("job {JOB} failed (`constraint`): {goes_on}"),
        ),
        503 => Problem::new(
            Kind::Unfinished,
            format!("job {JOB} is still running: send the same request again to wait for it"),
        ),
        _ => Problem::usual(Kind::Internal),
    }
}
