//! Places for large bodies and for those who watch a job: both hold memory or a connection for long.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::http::problem::{Kind, Problem};

/// The places of one process.
pub(crate) struct Places {
    uploads: Arc<Semaphore>,
    streams: Arc<Semaphore>,
}

impl Places {
    /// Returns so many places of each kind.
    pub(crate) fn new(uploads: usize, streams: usize) -> Self {
        Self {
            uploads: Arc::new(Semaphore::new(uploads)),
            streams: Arc::new(Semaphore::new(streams)),
        }
    }

    /// Returns the right to hold a large body.
    pub(crate) fn upload(&self) -> Result<OwnedSemaphorePermit, Problem> {
        Arc::clone(&self.uploads)
            .try_acquire_owned()
            .map_err(|_| Problem::new(Kind::TooManyUploads, "send this again when other uploads have ended"))
    }

    /// Returns the right to watch a job.
    pub(crate) fn stream(&self) -> Result<OwnedSemaphorePermit, Problem> {
        Arc::clone(&self.streams)
            .try_acquire_owned()
            .map_err(|_| Problem::new(Kind::TooManyStreams, "ask again later, or poll `GET /v1/jobs/{id}`"))
    }
}
