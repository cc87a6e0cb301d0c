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

/// Returns whether what was [`written`] is within the bounds of a principal: one of the same name may have had others.
pub(crate) fn are_within(principal: &Principal, rights: &str) -> bool {
    let within = |wide: &Option<BTreeSet<String>>, narrow: &Option<BTreeSet<String>>| {
        wide.as_ref()
            .is_none_or(|wide| narrow.as_ref().is_some_and(|narrow| narrow.is_subset(wide)))
    };
    read(&principal.name, rights).is_some_and(|writer| {
        (principal.bounds.user.is_none() || writer.bounds.user == principal.bounds.user)
            && within(&principal.bounds.workspaces, &writer.bounds.workspaces)
            && within(&principal.bounds.targets, &writer.bounds.targets)
    })
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
        let held = if let Some(key) = auth.keys.iter().find(|key| key.name == name) {
            let opens = !key.has_expired(self.clock().now());
            opens.then(|| Principal::new(name, key.scopes.iter().copied(), key.bounds()))
        } else {
            match self.known_keys().by_name(name).await? {
                Answer::Known(principal) => Some(principal),
                Answer::Expired | Answer::Unknown => None,
            }
        };
        // A key that was made anew for somebody else: what its name wrote without naming a person meant another one.
        let is_same = |held: &Principal| read(name, rights).is_none_or(|writer| writer.bounds.user == held.bounds.user);
        Ok(held.filter(is_same))
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
