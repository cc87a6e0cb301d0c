//! Who may read the log.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use lethe_common::config::Scope;

use crate::auth::{Denied, Principal};
use crate::http::problem::Problem;
use crate::state::AppState;

/// A caller that may read the log: everybody if `receipts.public` says so.
///
/// Otherwise its scope is `receipts:read`. The log is about all deletions, so the caller's bounds must reach all of them.
/// A caller with narrower bounds verifies its receipts by their proofs.
pub(crate) struct Reader {
    is_public: bool,
}

impl Reader {
    /// Refuses a caller that may not read the log.
    pub(crate) fn require(state: &AppState, principal: &Principal) -> Result<(), Denied> {
        if state.config().receipts.public {
            return Ok(());
        }
        principal.require(Scope::ReceiptsRead)?;
        principal.require_all_of(None)
    }

    /// Returns the `Cache-Control` of an answer that never changes.
    pub(crate) fn cache_for_ever(&self) -> &'static str {
        if self.is_public {
            "public, max-age=31536000, immutable"
        } else {
            "private, max-age=31536000, immutable"
        }
    }
}

impl FromRequestParts<AppState> for Reader {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Problem> {
        let is_public = state.config().receipts.public;
        if !is_public {
            let principal = Principal::from_request_parts(parts, state).await?;
            Self::require(state, &principal)?;
        }
        Ok(Self { is_public })
    }
}
