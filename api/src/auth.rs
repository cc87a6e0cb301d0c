//! Who asks, and what their API key opens.
//!
//! [`Principal`] is the one place where a handler learns who asks; a fuller model of who may do
//! what replaces what is behind it, not the handlers.

mod known;

use std::collections::BTreeSet;

use axum::extract::FromRequestParts;
use axum::http::{header, request::Parts};
use lethe_common::config::Scope;
use lethe_common::ledger::JobView;

use crate::app::AppState;
use crate::problem::{Kind, Problem};

pub(crate) use known::KnownKeys;

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Principal {
    /// The key's name: what jobs and logs call the caller.
    pub(crate) name: String,
    scopes: BTreeSet<Scope>,
}

impl Principal {
    fn new(name: &str, scopes: impl IntoIterator<Item = Scope>) -> Self {
        Self {
            name: name.to_owned(),
            scopes: scopes.into_iter().collect(),
        }
    }

    fn has(&self, scope: Scope) -> bool {
        self.scopes.contains(&scope) || self.scopes.contains(&Scope::Admin)
    }

    /// Refuses a caller that does not have `scope`.
    pub(crate) fn require(&self, scope: Scope) -> Result<(), Problem> {
        if self.has(scope) {
            return Ok(());
        }
        let detail = format!("use an API key with the scope `{}`", scope.as_str());
        Err(Problem::new(Kind::Forbidden, detail))
    }

    /// Refuses a caller that may not look at jobs.
    pub(crate) fn require_reading(&self) -> Result<(), Problem> {
        if self.sees_all() {
            return Ok(());
        }
        self.require(Scope::JobsRead)
    }

    /// Returns whether the caller sees the jobs of others.
    pub(crate) fn sees_all(&self) -> bool {
        self.has(Scope::JobsAdmin)
    }

    /// Returns whether the caller sees this job.
    pub(crate) fn sees(&self, job: &JobView) -> bool {
        self.sees_all() || job.principal == self.name
    }
}

impl FromRequestParts<AppState> for Principal {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Problem> {
        let unauthorized = |detail| Problem::new(Kind::Unauthorized, detail);
        let mut headers = parts.headers.get_all(header::AUTHORIZATION).iter();
        let (Some(value), None) = (headers.next(), headers.next()) else {
            return Err(unauthorized("send one header `Authorization: Bearer` with an API key"));
        };
        let presented = value
            .to_str()
            .ok()
            .and_then(|value| value.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
            .map(|(_, key)| key.trim());
        let Some(presented) = presented else {
            return Err(unauthorized(
                "write the header as `Authorization: Bearer` and an API key",
            ));
        };
        if let Some(key) = state.config().auth.find(presented) {
            return Ok(Self::new(&key.name, key.scopes.iter().copied()));
        }
        match state.known_keys().find(state.ledger(), presented).await? {
            Some(principal) => Ok(principal),
            None => Err(unauthorized("use an API key that is known here")),
        }
    }
}
