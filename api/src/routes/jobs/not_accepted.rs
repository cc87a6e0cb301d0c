//! The problems of deletions that are not accepted, or that ended without touching anything.

use lethe_common::error_code::ErrorCode;
use lethe_common::ledger::JobView;

use crate::http::problem::{Kind, Problem};
use crate::routes::answers::problems;

problems! {
    /// The problems of deletions that are not accepted.
    NotAccepted {
        400 "Not JSON, or a query that nests too deep"
        401 "No credentials that are known here"
        403 "A scope is missing"
        408 "The body did not arrive in time"
        409 "A request with this key is in flight; or, while waiting, the job ended untouched: more than `limit` is selected, or not what `expect` says"
        410 "The job of this key was forgotten"
        413 "Too large, or a query that names too many values"
        415 "Wrong content type"
        422 "A field is wrong, more than `limit` is selected, or the key belongs to another request"
        429 "Too many requests in a second, uploads at a time, or failed authentications in a minute"
        500 "A fault of the service"
        503 "The ledger is away, or too many jobs are unfinished"
    }
}

/// Returns the problem of a job that ended and touched nothing, because its selection was not the expected one.
pub(super) fn untouched(job: &JobView) -> Option<Problem> {
    match job.error_code.as_ref()?.known()? {
        ErrorCode::SelectionChanged => Some(Problem::new(
            Kind::SelectionChanged,
            "the selection is not the one that `expect` stands for, and nothing was touched: look again with a dry run",
        )),
        ErrorCode::LimitExceeded => Some(Problem::new(
            Kind::SelectionTooLarge,
            "more is selected than `limit` allows, and nothing was touched: look at it with a dry run",
        )),
        _ => None,
    }
}
