//! The closed list of problems, with their titles and statuses.

use axum::http::StatusCode;
use strum::{IntoStaticStr, VariantArray};

/// The kind of a problem.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "kebab-case")]
pub(crate) enum Kind {
    Malformed,
    BadQuery,
    Unauthorized,
    Forbidden,
    NotFound,
    NoReceipt,
    MethodNotAllowed,
    Timeout,
    JobEnded,
    JobNotEnded,
    NotExtendable,
    JobStopped,
    SelectionChanged,
    SelectionTooLarge,
    KeyInFlight,
    NameTaken,
    TooManySchedules,
    TooManyHolds,
    SecretsOverlap,
    StillServed,
    Forgotten,
    TooLarge,
    MediaType,
    Invalid,
    EverythingUnsaid,
    NotSupported,
    LimitExceeded,
    KeyReused,
    TooManyRequests,
    TooManyUploads,
    TooManyStreams,
    TooManyBytes,
    TooManyJobs,
    TooManyIds,
    TooManyConnections,
    Internal,
    ErasureFailed,
    Unfinished,
    ReceiptPending,
    QueueFull,
    LedgerUnavailable,
    IssuerUnavailable,
    Slow,
}

impl Kind {
    /// Returns the status and the title.
    fn parts(self) -> (StatusCode, &'static str) {
        use StatusCode as S;
        match self {
            Self::Malformed => (S::BAD_REQUEST, "The request cannot be read"),
            Self::BadQuery => (S::BAD_REQUEST, "The query cannot be understood"),
            Self::Unauthorized => (S::UNAUTHORIZED, "The credentials are missing or not known"),
            Self::Forbidden => (S::FORBIDDEN, "The credentials do not allow this"),
            Self::NotFound => (S::NOT_FOUND, "Not found"),
            Self::NoReceipt => (S::NOT_FOUND, "There is no such receipt"),
            Self::MethodNotAllowed => (S::METHOD_NOT_ALLOWED, "The method does not exist here"),
            Self::Timeout => (S::REQUEST_TIMEOUT, "The request did not arrive in time"),
            Self::JobEnded => (S::CONFLICT, "The job has ended"),
            Self::JobNotEnded => (S::CONFLICT, "The job has neither failed nor been cancelled"),
            Self::NotExtendable => (S::CONFLICT, "The deadline cannot be extended"),
            Self::JobStopped => (S::CONFLICT, "The deletion was stopped"),
            Self::SelectionChanged => (S::CONFLICT, "The selection has changed"),
            Self::SelectionTooLarge => (S::CONFLICT, "More than the limit is selected"),
            Self::KeyInFlight => (S::CONFLICT, "A request with this idempotency key is in flight"),
            Self::NameTaken => (S::CONFLICT, "The name is taken"),
            Self::TooManySchedules => (S::CONFLICT, "You have too many schedules"),
            Self::TooManyHolds => (S::CONFLICT, "Too many holds are in force"),
            Self::SecretsOverlap => (S::CONFLICT, "The key has another number of secrets"),
            Self::StillServed => (S::CONFLICT, "A worker has this mapping"),
            Self::Forgotten => (S::GONE, "The data of this request is deleted"),
            Self::TooLarge => (S::PAYLOAD_TOO_LARGE, "The body is too large"),
            Self::MediaType => (S::UNSUPPORTED_MEDIA_TYPE, "The content type is wrong"),
            Self::Invalid => (S::UNPROCESSABLE_ENTITY, "The request cannot be accepted"),
            Self::EverythingUnsaid => (S::UNPROCESSABLE_ENTITY, "A hold on everything must say so"),
            Self::NotSupported => (S::UNPROCESSABLE_ENTITY, "This is not supported yet"),
            Self::LimitExceeded => (S::UNPROCESSABLE_ENTITY, "More than the limit is selected"),
            Self::KeyReused => (
                S::UNPROCESSABLE_ENTITY,
                "The idempotency key belongs to another request",
            ),
            Self::TooManyRequests => (S::TOO_MANY_REQUESTS, "Too many requests"),
            Self::TooManyUploads => (S::TOO_MANY_REQUESTS, "Too many uploads at a time"),
            Self::TooManyStreams => (S::TOO_MANY_REQUESTS, "Too many event streams at a time"),
            Self::TooManyBytes => (S::TOO_MANY_REQUESTS, "Too many bytes of bodies at a time"),
            Self::TooManyJobs => (S::TOO_MANY_REQUESTS, "Too many of your jobs are unfinished"),
            Self::TooManyIds => (S::TOO_MANY_REQUESTS, "Your unfinished jobs have too many ids"),
            Self::TooManyConnections => (S::SERVICE_UNAVAILABLE, "Too many connections"),
            Self::Internal => (S::INTERNAL_SERVER_ERROR, "The service failed"),
            Self::ErasureFailed => (S::INTERNAL_SERVER_ERROR, "Not everything could be erased"),
            Self::Unfinished => (S::SERVICE_UNAVAILABLE, "The job has not ended yet"),
            Self::ReceiptPending => (S::SERVICE_UNAVAILABLE, "The receipt is not signed yet"),
            Self::QueueFull => (S::SERVICE_UNAVAILABLE, "Too many jobs are unfinished"),
            Self::LedgerUnavailable => (S::SERVICE_UNAVAILABLE, "The ledger cannot be reached"),
            Self::IssuerUnavailable => (S::SERVICE_UNAVAILABLE, "The keys of the token's issuer cannot be read"),
            Self::Slow => (S::SERVICE_UNAVAILABLE, "The answer took too long"),
        }
    }

    /// Returns the last word of the problem's type.
    pub(crate) fn code(self) -> &'static str {
        self.into()
    }

    pub(crate) fn status(self) -> StatusCode {
        self.parts().0
    }

    pub(crate) fn title(self) -> &'static str {
        self.parts().1
    }

    /// Returns after how many seconds the same request may succeed.
    pub(super) fn retry_after(self) -> Option<u64> {
        match self {
            // Many times the usual time of a ledger statement or an answer.
            Self::LedgerUnavailable
            | Self::Slow
            | Self::KeyInFlight
            | Self::TooManyRequests
            | Self::TooManyBytes
            | Self::TooManyConnections
            | Self::Unfinished
            | Self::ReceiptPending => Some(1),
            // Uploads, streams and queues take longer to shrink. An issuer is not asked more often.
            Self::TooManyUploads
            | Self::TooManyStreams
            | Self::TooManyJobs
            | Self::TooManyIds
            | Self::QueueFull
            | Self::IssuerUnavailable => Some(10),
            _ => None,
        }
    }

    /// Returns the problem that a status set by a library stands for.
    pub(super) fn of_status(status: StatusCode) -> Self {
        match status {
            StatusCode::NOT_FOUND => Self::NotFound,
            StatusCode::METHOD_NOT_ALLOWED => Self::MethodNotAllowed,
            StatusCode::REQUEST_TIMEOUT => Self::Timeout,
            StatusCode::PAYLOAD_TOO_LARGE => Self::TooLarge,
            StatusCode::UNSUPPORTED_MEDIA_TYPE => Self::MediaType,
            status if status.is_client_error() => Self::Malformed,
            _ => Self::Internal,
        }
    }

    /// Returns the default detail of the problem.
    pub(super) fn usual_detail(self) -> &'static str {
        match self {
            Self::NotFound => "no route has this path: see /openapi.json",
            Self::MethodNotAllowed => "use a method that the header `allow` names",
            Self::Timeout => "send the request faster",
            Self::LedgerUnavailable => {
                "the request was probably not accepted: send it again, with the same idempotency key if it makes a job"
            }
            Self::IssuerUnavailable => "nothing was touched: send the request again later, or with an API key",
            Self::Slow => "send the request again, with the same idempotency key if it makes a job",
            Self::Unfinished => "send the same request again: it waits for the same job",
            Self::ReceiptPending => "the receipt is written, and not signed yet: send the request again",
            Self::ErasureFailed => "the job says what was erased and what was not",
            Self::JobStopped => "the job was cancelled or is held: it says what was erased and what was not",
            Self::Internal => "the service's log has details under this request id",
            _ => "change the request: see /openapi.json",
        }
    }
}
