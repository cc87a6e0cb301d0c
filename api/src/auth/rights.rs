//! What a principal may do when it is not there to say who it is: while a schedule of its runs.
//!
//! A key is looked up by its name each time, so that one which was taken away, has expired or opens less
//! now opens no more here. Whoever had a token cannot be asked again: what it could do was written down, and
//! is believed as long as its issuer is.

use std::collections::BTreeSet;

use lethe_common::config::{Bounds, Scope, is_name};
use lethe_common::ledger::LedgerError;
use serde::{Deserialize, Serialize};
use strum::IntoEnumIterator as _;

use super::known::Answer;
use super::principal::Principal;
use super::state::Auth;

/// What the credentials of a principal said.
// Bounds hold a person's id: no `Debug`.
#[derive(Serialize, Deserialize)]
struct Rights {
    scopes: BTreeSet<String>,
    user: Option<String>,
    workspaces: Option<BTreeSet<String>>,
    targets: Option<BTreeSet<String>>,
}

/// Returns what a principal may do, to be written down.
pub(crate) fn written(principal: &Principal) -> String {
    let Bounds {
        user,
        workspaces,
        targets,
    } = principal.bounds.clone();
    let rights = Rights {
        scopes: principal.scopes.iter().map(|scope| scope.as_str().to_owned()).collect(),
        user,
        workspaces,
        targets,
    };
    serde_json::to_string(&rights).expect("texts are always JSON")
}

/// Returns whether what was [`written`] has the bounds of a principal: one of the same name may have had others.
pub(crate) fn are_bounds_of(principal: &Principal, rights: &str) -> bool {
    read(&principal.name, rights).is_some_and(|writer| writer.bounds == principal.bounds)
}

impl Auth {
    /// Returns the principal of that name as far as it may do something now; `rights` was [`written`] before.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Unavailable`] if it cannot be said.
    pub(crate) async fn holder(&self, name: &str, rights: &str) -> Result<Option<Principal>, LedgerError> {
        let auth = &self.config().auth;
        // Names of tokens have a colon in them, and begin with their issuer's.
        if !is_name(name) {
            let known = auth
                .jwts
                .iter()
                .any(|jwt| name.starts_with(&format!("jwt:{}:", jwt.name)));
            return Ok(known.then(|| read(name, rights)).flatten());
        }
        if let Some(key) = auth.keys.iter().find(|key| key.name == name) {
            let opens = !key.has_expired(self.clock().now());
            return Ok(opens.then(|| Principal::new(name, key.scopes.iter().copied(), key.bounds())));
        }
        Ok(match self.known_keys().by_name(name).await? {
            Answer::Known(principal) => Some(principal),
            Answer::Expired | Answer::Unknown => None,
        })
    }
}

fn read(name: &str, rights: &str) -> Option<Principal> {
    let Rights {
        scopes,
        user,
        workspaces,
        targets,
    } = serde_json::from_str(rights).ok()?;
    // A word that this version does not know opens nothing.
    let known = Scope::iter().filter(|scope| scopes.contains(scope.as_str()));
    let bounds = Bounds {
        user,
        workspaces,
        targets,
    };
    Some(Principal::new(name, known, bounds))
}
