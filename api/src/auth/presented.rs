//! The actor of a request, for the layers around its handler.

use std::sync::{Arc, OnceLock};

use axum::http::request::Parts;
use lethe_common::ledger::Actor;

/// The actor that a request's credentials name. A layer puts it into the request's extensions, and authentication sets
/// it: also for credentials that are no longer valid. Unknown credentials name no actor.
#[derive(Clone, Default)]
pub(crate) struct Presented(Arc<OnceLock<Actor>>);

impl Presented {
    /// Sets the actor, if a layer wants to know it.
    pub(super) fn set(parts: &Parts, actor: impl FnOnce() -> Actor) {
        if let Some(Self(presented)) = parts.extensions.get::<Self>() {
            // A request has one actor. Later checks of its credentials name the same one.
            presented.get_or_init(actor);
        }
    }

    /// Returns the actor, if the credentials name one.
    pub(crate) fn actor(&self) -> Option<&Actor> {
        self.0.get()
    }
}
