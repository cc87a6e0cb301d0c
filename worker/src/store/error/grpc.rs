//! The errors of the vector store, by gRPC status code.

use lethe_common::job::StoreKind;
use qdrant_client::QdrantError;
use tonic::Code;

use super::{Status, StoreError};

// The client reports a failed connection as `Internal`. Only this text, which is the client's own,
// distinguishes it from an error inside the server.
const NOT_CONNECTED: &str = "Failed to connect to";

impl From<QdrantError> for StoreError {
    fn from(error: QdrantError) -> Self {
        match error {
            QdrantError::ResponseError { status } | QdrantError::ResourceExhaustedError { status, .. } => {
                of_status(&status)
            }
            QdrantError::Io(_) => Self::Unavailable {
                status: Status::Silent(StoreKind::Vector),
            },
            QdrantError::InvalidUri(_) => {
                Self::Misuse(StoreKind::Vector, "the address of the vector store is not a URL")
            }
            _ => Self::Unreadable(StoreKind::Vector),
        }
    }
}

fn of_status(answer: &tonic::Status) -> StoreError {
    let status = Status::Grpc(answer.code());
    match answer.code() {
        Code::Unavailable | Code::Unknown => StoreError::Unavailable { status },
        Code::Internal if answer.message().starts_with(NOT_CONNECTED) => StoreError::Unavailable { status },
        Code::Internal | Code::DataLoss => StoreError::Internal { status },
        // tonic reports the client's own time limit as `Cancelled`.
        Code::DeadlineExceeded | Code::Cancelled => StoreError::Timeout { status },
        Code::ResourceExhausted | Code::Aborted => StoreError::Busy { status },
        Code::Unauthenticated => StoreError::Unauthorized { status },
        Code::PermissionDenied => StoreError::Forbidden { status },
        Code::NotFound => StoreError::Missing { status },
        Code::Ok
        | Code::InvalidArgument
        | Code::AlreadyExists
        | Code::FailedPrecondition
        | Code::OutOfRange
        | Code::Unimplemented => StoreError::Rejected { status },
    }
}

#[cfg(test)]
mod tests {
    use super::super::Class;
    use super::*;

    fn of(code: Code) -> StoreError {
        of_status(&tonic::Status::new(code, "alice"))
    }

    #[test]
    fn a_missing_collection_is_waited_for_and_is_no_outage() {
        assert_eq!(of(Code::NotFound).class(), Class::Transient);
        assert_eq!(of(Code::NotFound).code().as_str(), "missing");
        assert!(!of(Code::NotFound).is_outage());
    }

    #[test]
    fn a_refused_argument_is_permanent() {
        for code in [Code::InvalidArgument, Code::Unimplemented, Code::FailedPrecondition] {
            assert_eq!(of(code).class(), Class::Permanent, "{code:?}");
        }
    }

    #[test]
    fn a_server_that_cannot_be_reached_is_an_outage_and_an_internal_error_is_not() {
        let refused = tonic::Status::internal("Failed to connect to http://localhost: refused");
        assert!(of_status(&refused).is_outage());
        assert!(!of(Code::Internal).is_outage());
        assert_eq!(of(Code::Internal).class(), Class::Transient);
    }

    #[test]
    fn the_text_of_the_vector_store_is_not_kept() {
        let error = of(Code::InvalidArgument);
        assert!(!format!("{error} {error:?}").contains("alice"));
    }
}
