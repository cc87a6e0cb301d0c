//! The right to manage keys, and the answer about unknown keys.

use lethe_common::config::Scope;

use crate::auth::Principal;
use crate::http::problem::{Kind, Problem};

/// Refuses a caller that could make a key with a wider reach than its own.
pub(crate) fn allow(principal: &Principal) -> Result<(), Problem> {
    principal.require(Scope::Admin)?;
    principal.require_all_of(None)?;
    Ok(())
}

pub(crate) fn unknown() -> Problem {
    Problem::new(
        Kind::NotFound,
        "no key that Lethe made has this name: remove keys of the configuration from its file",
    )
}
