//! Authorisation of scheduled runs, where the principal presents no credentials.
//!
//! Each run looks the key up by its name, so a revoked, expired or narrowed key loses its rights here too. A token
//! cannot be presented again: the schedule stores its rights. They stay valid while the configuration has its issuer.

use std::collections::BTreeSet;

use lethe_common::config::{Bounds, Scope, is_name};
use lethe_common::ledger::LedgerError;
use serde::{Deserialize, Serialize};
use strum::IntoEnumIterator as _;

use super::known::Answer;
use super::principal::Principal;
use super::state::Auth;

/// The rights that the credentials of a principal gave.
// Bounds hold a person's id: no `Debug`.
#[derive(Serialize, Deserialize)]
struct Rights {
    scopes: BTreeSet<String>,
    user: Option<String>,
    workspaces: Option<BTreeSet<String>>,
    targets: Option<BTreeSet<String>>,
}

/// Returns the rights of a principal as text, for a schedule to store.
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

/// Returns whether [`written`] rights lie within a principal's bounds. Bounds may change between holders of one name.
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
    /// Returns the principal of that name with its current rights; `rights` were [`written`] before. Returns `None` if
    /// `rights` cannot be read.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Unavailable`] if the ledger does not answer.
    pub(crate) async fn holder(&self, name: &str, rights: &str) -> Result<Option<Principal>, LedgerError> {
        let auth = &self.config().auth;
        // The name of a token's principal has colons, and begins with the issuer's name.
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
                Answer::Expired(_) | Answer::Revoked(_) | Answer::Unknown => None,
            }
        };
        // A new key under this name may be bound to another person, whom the schedule does not mean. Rights that cannot
        // be read do not say which person the writer was bound to.
        let is_same =
            |held: &Principal| read(name, rights).is_some_and(|writer| writer.bounds.user == held.bounds.user);
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
    // A scope that this version does not know is ignored.
    let known = Scope::iter().filter(|scope| scopes.contains(scope.as_str()));
    let bounds = Bounds {
        user,
        workspaces,
        targets,
    };
    Some(Principal::new(name, known, bounds))
}
