//! Slots for large bodies, and for callers that watch a job. Both hold memory or a connection for long.

use std::sync::Arc;

use super::shares::{Full, Share, Shares};
use crate::http::problem::{Kind, Problem};

/// The slots of one process.
pub(crate) struct Places {
    uploads: Arc<Shares<Arc<str>>>,
    streams: Arc<Shares<Arc<str>>>,
}

/// The slots that one caller may take.
#[derive(Clone)]
pub(crate) struct OfCaller<'a> {
    places: &'a Places,
    caller: Arc<str>,
}

/// A slot, held until it is dropped.
pub(crate) type CallerSlot = Share<Arc<str>>;

impl Places {
    /// Returns the given number of slots of each kind.
    pub(crate) fn new(uploads: usize, streams: usize) -> Self {
        Self {
            uploads: Shares::new(uploads),
            streams: Shares::new(streams),
        }
    }

    /// Returns the slots for a caller of this name.
    pub(crate) fn of(&self, caller: &str) -> OfCaller<'_> {
        OfCaller {
            places: self,
            caller: caller.into(),
        }
    }
}

impl OfCaller<'_> {
    /// Takes a slot for a large body.
    pub(crate) fn upload(&self) -> Result<CallerSlot, Problem> {
        let refused = |full| {
            let what = match full {
                Full::All => "send this again when other uploads have ended",
                Full::Holder => {
                    "send this again when one of your uploads has ended: you hold as many slots as are free"
                }
            };
            Problem::new(Kind::TooManyUploads, what)
        };
        self.places
            .uploads
            .take(Some(Arc::clone(&self.caller)))
            .map_err(refused)
    }

    /// Takes a slot to watch a job.
    pub(crate) fn stream(&self) -> Result<CallerSlot, Problem> {
        let refused = |full| {
            let what = match full {
                Full::All => "ask again later, or poll `GET /v1/jobs/{id}`",
                Full::Holder => {
                    "end one of your event streams, or poll `GET /v1/jobs/{id}`: you hold as many slots as are free"
                }
            };
            Problem::new(Kind::TooManyStreams, what)
        };
        self.places
            .streams
            .take(Some(Arc::clone(&self.caller)))
            .map_err(refused)
    }
}
