//! Slots for large bodies and for callers that watch a job, and the byte budget of bodies.

use std::sync::Arc;

use lethe_common::config::Api;

use super::body_bytes::{BodyBytes, Held};
use super::shares::{Full, Share, Shares};
use crate::http::problem::{Kind, Problem};

/// The slots of one process, and its byte budget.
pub(crate) struct Places {
    uploads: Arc<Shares<Arc<str>>>,
    streams: Arc<Shares<Arc<str>>>,
    bytes: BodyBytes,
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
    /// Returns as many slots and bytes as the configuration allows.
    pub(crate) fn new(limits: &Api) -> Self {
        Self {
            uploads: Shares::new(limits.max_uploads),
            streams: Shares::new(limits.max_streams),
            bytes: BodyBytes::new(limits.max_body_bytes_in_flight, limits.request_timeout),
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
    /// Returns a share of the byte budget, without bytes.
    pub(crate) fn body(&self) -> Held {
        self.places.bytes.of(Arc::clone(&self.caller))
    }

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
