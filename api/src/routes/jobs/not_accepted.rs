//! The problems of deletions that are not accepted, or that ended without touching anything.

use lethe_common::error_code::ErrorCode;
use lethe_common::ledger::JobView;

use crate::http::problem::{Kind, Problem};
use crate::routes::answers::problems;

problems! {
    /// The problems of deletions that are not accepted.
    NotAccepted {
        400 "Not JSON, or a query that nests too deep"
        401 "No known credentials"
        403 "A scope is missing"
        408 "The body did not arrive in time"
        409 "A request with this key is in flight. Or, while waiting, the job ended without touching anything: it selected more than `limit`, or not what `expect` stands for"
        410 "The job of this key was forgotten"
        413 "Too large, or a query that names too many values"
        415 "Wrong content type"
        422 "A field is wrong, more than `limit` is selected, or the key belongs to another request"
        429 "Too many requests in a second, uploads or bytes of bodies at a time, unfinished jobs of the caller, ids in them, or failed authentications in a minute"
        500 "A fault of the service"
        503 "The ledger does not answer, or too many jobs are unfinished"
    }
}

/// Returns the problem of a job that ended and touched nothing, because its selection was not the expected one.
pub(super) fn untouched(job: &JobView) -> Option<Problem> {
    match job.error_code.as_ref()?.known()? {
        ErrorCode::SelectionChanged => Some(Problem::new(
            Kind::SelectionChanged,
            "the selection has changed since the dry run of `expect`, and nothing was touched: send another dry run",
        )),
        ErrorCode::LimitExceeded => Some(Problem::new(
            Kind::SelectionTooLarge,
            "the selection is larger than `limit`, and nothing was touched: check it with a dry run",
        )),
        _ => None,
    }
}
