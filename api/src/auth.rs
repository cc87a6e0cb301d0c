//! Who asks, and what their credentials open.
//!
//! [`Principal`] is the one place where a handler learns who asks. What is known without asking
//! anybody is looked at first; the ledger is asked only for an address that has not failed too
//! often. No credential is logged, and neither is an address: both would say who somebody is.

mod credentials;
mod failures;
mod issuers;
mod known;
mod principal;
mod rights;
mod token;

use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use lethe_common::metrics::{self, AuthFailure};
use tokio::time::timeout;

use crate::http::problem::{Kind, Problem};
use crate::state::AppState;

use credentials::{BEARER, Credentials, challenge};
use failures::Source;
use known::{Answer, Remembered};

pub(crate) use credentials::{Scheme, Schemes};
pub(crate) use failures::Failures;
pub(crate) use issuers::Issuers;
pub(crate) use known::KnownKeys;
pub(crate) use principal::{Denied, Principal};
pub(crate) use rights::{holder, written};

impl FromRequestParts<AppState> for Principal {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Problem> {
        authenticate(parts, state, BEARER).await
    }
}

/// Why nobody is known to ask.
enum Unproven {
    /// The credentials are not good.
    Failed(AuthFailure),
    /// They are not, and were counted already.
    Counted(AuthFailure),
    /// They were not looked at: too many from the same address failed.
    Limited(Duration),
    /// It cannot be said.
    Problem(Problem),
}

impl From<AuthFailure> for Unproven {
    fn from(why: AuthFailure) -> Self {
        Self::Failed(why)
    }
}

impl From<Problem> for Unproven {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

/// Returns who asks, if the request says so by one of `schemes`, and not too often.
///
/// # Errors
/// 401 with what is accepted here; 429 for whoever asks, or fails to say who it is, too often.
pub(crate) async fn authenticate(parts: &Parts, state: &AppState, schemes: Schemes) -> Result<Principal, Problem> {
    let source = Source::of(parts, state.config().api.trusted_proxies);
    let within = state.config().api.request_timeout;
    let proven = timeout(within, prove(parts, state, schemes, source)).await;
    let why = match proven.unwrap_or_else(|_| Err(Problem::usual(Kind::Slow).into())) {
        Ok(principal) => {
            state.pace().admit(&principal.name, &parts.extensions)?;
            return Ok(principal);
        }
        Err(Unproven::Problem(problem)) => return Err(problem),
        Err(Unproven::Limited(wait)) => return Err(limited(wait)),
        // Who says nothing guesses nothing.
        Err(Unproven::Failed(AuthFailure::Missing)) => AuthFailure::Missing,
        Err(Unproven::Counted(why)) => why,
        Err(Unproven::Failed(why)) => {
            state.failures().take(source).map_err(limited)?;
            why
        }
    };
    metrics::authentication_failed(why);
    if why == AuthFailure::Missing {
        // Anybody can cause as many of these as it likes.
        tracing::debug!("no credentials were sent");
    } else {
        tracing::warn!(reason = why.as_str(), "credentials were refused");
    }
    Err(Problem::new(Kind::Unauthorized, detail(why, schemes)).with_challenge(challenge(schemes)))
}

async fn prove(parts: &Parts, state: &AppState, schemes: Schemes, source: Source) -> Result<Principal, Unproven> {
    let credentials = Credentials::read(&parts.headers, schemes)?;
    let presented = credentials.secret.as_str();
    let principal = if let Some(key) = state.config().auth.find(presented) {
        if key.has_expired(state.clock().now()) {
            return Err(AuthFailure::ExpiredKey.into());
        }
        Principal::new(&key.name, key.scopes.iter().copied(), key.bounds())
    } else if credentials.scheme == Scheme::Bearer && state.issuers().may_have_made(presented) {
        return state.issuers().verify(state, presented).await;
    } else {
        in_ledger(state, presented, source).await?
    };
    match &credentials.name {
        Some(name) if *name != principal.name => Err(AuthFailure::WrongName.into()),
        _ => Ok(principal),
    }
}

/// Returns who holds a key of the ledger.
async fn in_ledger(state: &AppState, presented: &str, source: Source) -> Result<Principal, Unproven> {
    let (keys, ledger) = (state.known_keys(), state.ledger());
    let (answer, counted) = match keys.remembered(presented) {
        Remembered::Fresh(answer) => (answer, false),
        // It was good before: it does not suffer for others behind the same address.
        Remembered::WasGood => (keys.find(ledger, presented).await?, false),
        Remembered::Nothing => {
            // Counted before it is known to fail, so that many guesses at once are not one.
            state.failures().take(source).map_err(Unproven::Limited)?;
            let answer = keys.find(ledger, presented).await;
            let failed = matches!(answer, Ok(Answer::Unknown | Answer::Expired));
            if !failed {
                state.failures().give_back(source);
            }
            (answer?, failed)
        }
    };
    let why = match answer {
        Answer::Known(principal) => return Ok(principal),
        Answer::Expired => AuthFailure::ExpiredKey,
        Answer::Unknown => AuthFailure::UnknownKey,
    };
    Err(if counted {
        Unproven::Counted(why)
    } else {
        Unproven::Failed(why)
    })
}

fn limited(wait: Duration) -> Problem {
    metrics::authentication_failed(AuthFailure::Limited);
    // Not a warning: there may be thousands a second, and the metric counts them.
    tracing::debug!("credentials were not looked at");
    Problem::new(
        Kind::TooManyRequests,
        "too many requests from your address failed to say who asks: send credentials that are known here, later",
    )
    .with_retry_after(wait)
}

/// Returns what to do about it. It tells whoever guesses no more than that it was wrong.
fn detail(why: AuthFailure, schemes: Schemes) -> String {
    match why {
        AuthFailure::Missing | AuthFailure::Malformed | AuthFailure::Scheme => {
            let written: Vec<_> = schemes.iter().map(|scheme| scheme.written()).collect();
            format!("send one header {}", written.join(", or "))
        }
        AuthFailure::ExpiredKey => "this API key has expired: use another".to_owned(),
        AuthFailure::TokenExpired => "this token has expired, or never does: use a fresh one".to_owned(),
        AuthFailure::UnknownKey | AuthFailure::WrongName => "use an API key that is known here".to_owned(),
        _ => "use a token of an issuer that is known here, made for this service, or an API key".to_owned(),
    }
}
