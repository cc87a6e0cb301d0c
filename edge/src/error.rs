//! The errors of the embedded store, and of one call.
//!
//! The texts of [`Failure`] go to the caller that sent the request. They are never logged, because the
//! engine writes ids and field names into them.

use std::{io, path::PathBuf};

use qdrant_edge::OperationError;
use tonic::Status;

/// The reason why the embedded vector store could not start, or had to stop.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EdgeError {
    /// The API key is empty. A loopback address alone permits nothing.
    #[error("the API key of the embedded vector store is empty")]
    EmptyKey,
    /// Another process serves this directory.
    #[error("`{directory}` is in use by another process")]
    InUse {
        /// The requested directory.
        directory: PathBuf,
    },
    /// The directory cannot be read or written.
    #[error("`{directory}` cannot be used")]
    Directory {
        /// The requested directory.
        directory: PathBuf,
        /// The error of the operating system.
        #[source]
        source: io::Error,
    },
    /// A collection on disk cannot be opened. Without it, its points would be reported as absent.
    #[error("collection `{name}` cannot be opened: {reason}")]
    Collection {
        /// The collection's name.
        name: String,
        /// The error of the engine.
        reason: String,
    },
    /// The gRPC server failed.
    #[error("the gRPC server of the embedded vector store failed")]
    Server(#[source] tonic::transport::Error),
    /// A background task of the store ended unexpectedly.
    #[error("a task of the embedded vector store ended unexpectedly")]
    Task(#[source] tokio::task::JoinError),
}

/// The reason why one call on a collection failed.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum Failure {
    /// The request is wrong and would be wrong again.
    #[error("Wrong input: {0}")]
    Invalid(String),
    /// The collection does not exist.
    #[error("Not found: Collection `{0}` doesn't exist!")]
    NoCollection(String),
    /// A point that the request names does not exist.
    #[error("Not found: {0}")]
    NoPoint(String),
    /// A collection of this name exists.
    #[error("Wrong input: Collection `{0}` already exists!")]
    Exists(String),
    /// A limit of this server is reached.
    #[error("{0}")]
    Exhausted(String),
    /// The server is stopping.
    #[error("the embedded vector store is stopping")]
    Stopping,
    /// The collection is being deleted, or its deletion failed halfway and has to be repeated.
    #[error("collection `{0}` is being deleted")]
    Leaving(String),
    /// The engine failed or panicked in an earlier write; only a restart reads the disk again.
    #[error("collection `{0}` failed in an earlier write and needs a restart of the server")]
    Broken(String),
    /// The engine failed.
    #[error("Service internal error: {0}")]
    Engine(String),
    /// The operating system refused an operation.
    #[error("Service internal error: {0}")]
    Disk(io::ErrorKind),
    /// The engine panicked.
    #[error("Service internal error: the engine panicked")]
    Panicked,
}

impl From<OperationError> for Failure {
    fn from(error: OperationError) -> Self {
        match error {
            OperationError::PointIdError { .. } => Self::NoPoint(error.to_string()),
            OperationError::ServiceError { .. }
            | OperationError::InconsistentStorage { .. }
            | OperationError::OutOfMemory { .. }
            | OperationError::Cancelled { .. }
            | OperationError::Timeout { .. } => Self::Engine(error.to_string()),
            _ => Self::Invalid(error.to_string()),
        }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Disk(error.kind())
    }
}

impl Failure {
    /// Returns the part of it that may be logged.
    pub(crate) fn cause(&self) -> String {
        match self {
            Self::Disk(kind) => kind.to_string(),
            Self::Panicked => "the engine panicked".to_owned(),
            // The other texts may hold ids and field names.
            _ => "the engine refused".to_owned(),
        }
    }
}

impl From<Failure> for Status {
    fn from(failure: Failure) -> Self {
        let text = failure.to_string();
        match failure {
            Failure::Invalid(_) => Self::invalid_argument(text),
            Failure::NoCollection(_) | Failure::NoPoint(_) => Self::not_found(text),
            Failure::Exists(_) => Self::already_exists(text),
            Failure::Exhausted(_) => Self::resource_exhausted(text),
            Failure::Stopping | Failure::Leaving(_) => Self::unavailable(text),
            Failure::Broken(_) | Failure::Engine(_) | Failure::Disk(_) | Failure::Panicked => Self::internal(text),
        }
    }
}
