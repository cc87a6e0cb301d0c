//! Uploads that repeat an earlier one. Their streams are read for the hash only.

use lethe_common::ledger::{Accepted, Idempotency, JobView, Scope};

use crate::deletion::submit::earlier;
use crate::fingerprint::Fingerprint;
use crate::http::body::Incoming;
use crate::http::limits::time::within;
use crate::http::problem::Problem;
use crate::state::AppState;

/// An upload that may repeat an earlier one. No byte of its stream was read.
pub(super) struct Repeat<'a> {
    pub(super) state: &'a AppState,
    pub(super) scope: Scope,
    /// The idempotency key. Its hash is not known before the last byte.
    pub(super) key: Option<Idempotency>,
    /// The hash of the parameters.
    pub(super) fingerprint: Fingerprint,
}

impl Repeat<'_> {
    /// Returns the job of the earlier upload. Reads the stream only for a key of an accepted upload.
    ///
    /// # Errors
    /// `problem`, if no earlier upload was the same.
    pub(super) async fn earlier(self, incoming: &mut Incoming, problem: Problem) -> Result<JobView, Problem> {
        let (state, limit) = (self.state, self.state.config().api.request_timeout);
        // An accepted upload has a hash, so its key conflicts with one that has none yet.
        let may_repeat = match &self.key {
            Some(key) => within(limit, state.ledger().replayed(&self.scope, key)).await? == Accepted::Conflict,
            None => false,
        };
        let made = if may_repeat {
            self.known(incoming).await?.replay()
        } else {
            None
        };
        Ok(within(limit, earlier(state, made, problem)).await?.job)
    }

    /// Reads the stream. Returns the result of the earlier request with this key.
    pub(super) async fn known(self, incoming: &mut Incoming) -> Result<Accepted, Problem> {
        let Self {
            state,
            scope,
            key,
            mut fingerprint,
        } = self;
        let Some(Idempotency { key, .. }) = key else {
            return Ok(Accepted::InFlight);
        };
        let limit = state.config().api.request_timeout;
        while let Some(bytes) = incoming.next(limit).await? {
            fingerprint.add(&bytes);
        }
        within(limit, state.ledger().replayed(&scope, &fingerprint.of(key))).await
    }
}
