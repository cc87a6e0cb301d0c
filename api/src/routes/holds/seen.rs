//! The holds that a caller may see, place and release.

use lethe_common::config::{Scope, is_name};
use lethe_common::ledger::HoldRow;

use crate::auth::{Denied, Principal};
use crate::http::problem::{Kind, Problem};
use crate::state::AppState;

/// Refuses a caller without the scope, and one that reaches only a part of a target's memories.
// A hold decides about other persons' memories, and names them.
pub(crate) fn allow(principal: &Principal) -> Result<(), Denied> {
    principal.require(Scope::HoldsAdmin)?;
    if principal.is_bound_inside() {
        return Err(Denied::Bound);
    }
    Ok(())
}

/// Returns a hold that the caller may see. It may be a released one.
pub(crate) async fn visible(state: &AppState, principal: &Principal, name: &str) -> Result<HoldRow, Problem> {
    allow(principal)?;
    // No hold has another kind of name, and PostgreSQL accepts no NUL.
    let row = if is_name(name) {
        state.ledger().hold(name).await?
    } else {
        None
    };
    row.filter(|row| sees(principal, row)).ok_or_else(unknown)
}

/// Returns whether the caller's credentials cover all that a hold is about.
pub(crate) fn sees(principal: &Principal, row: &HoldRow) -> bool {
    principal.require_all_of(row.target.as_deref()).is_ok()
}

// A hold beyond the caller's targets is answered as one that does not exist.
pub(super) fn unknown() -> Problem {
    Problem::new(Kind::NotFound, "no hold has this name: see /v1/holds")
}
