//! Authentication: by a key of the configuration, an issuer's token, or a key of the ledger.

use std::time::{Duration, Instant};

use axum::extract::{FromRef, FromRequestParts};
use axum::http::request::Parts;
use lethe_common::metrics::{self, AuthFailure};
use tokio::time::timeout;

use super::Principal;
use super::credentials::{BEARER, Credentials, Scheme, Schemes, challenge};
use super::failures::{Failure, Source};
use super::known::{Answer, Remembered};
use super::origin::Origin;
use super::presented::Presented;
use super::state::Auth;
use super::unproven::Unproven;
use crate::http::limits::time::within;
use crate::http::problem::{Kind, Problem};

impl<S> FromRequestParts<S> for Principal
where
    Auth: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        Auth::from_ref(state).authenticate(parts, BEARER).await
    }
}

impl Auth {
    /// Returns the caller that the credentials prove by one of `schemes`, if it stays below its rate limit.
    ///
    /// # Errors
    /// 401 with the accepted schemes. 429 above the rate limit or the limit of failures. 503 while a dependency is
    /// down.
    pub(crate) async fn authenticate(&self, parts: &Parts, schemes: Schemes) -> Result<Principal, Problem> {
        let source = Source::of(parts, self.config().api.trusted_proxies);
        let within = self.config().api.request_timeout;
        let proven = timeout(within, self.prove(parts, schemes, Some(source))).await;
        let why = match proven.unwrap_or_else(|_| Err(Problem::usual(Kind::Slow).into())) {
            Ok(principal) => {
                self.pace().admit(&principal.name, &parts.extensions)?;
                return Ok(principal);
            }
            Err(Unproven::Problem(problem)) => return Err(problem),
            Err(Unproven::Limited(wait)) => return Err(limited(wait)),
            // A request without credentials is no guess, so it does not count.
            Err(Unproven::Failed(AuthFailure::Missing)) => AuthFailure::Missing,
            Err(Unproven::Counted(why)) => why,
            Err(Unproven::Failed(why)) => {
                self.failures().take(source, Instant::now()).map_err(limited)?.keep();
                why
            }
        };
        metrics::authentication_failed(why);
        if why == AuthFailure::Missing {
            // Only a debug message: any client can cause these without limit.
            tracing::debug!("no credentials were sent");
        } else {
            tracing::warn!(reason = why.as_str(), "credentials were refused");
        }
        Err(Problem::new(Kind::Unauthorized, detail(why, schemes)).with_challenge(challenge(schemes)))
    }

    /// Returns whether the credentials of an earlier request still prove `principal`, with the same rights. Returns
    /// `true` while the ledger or an issuer does not answer.
    pub(crate) async fn is_still(&self, parts: &Parts, principal: &Principal) -> bool {
        let within = self.config().api.request_timeout;
        match timeout(within, self.prove(parts, BEARER, None)).await {
            Ok(Ok(now)) => now == *principal,
            Ok(Err(unproven)) => matches!(unproven, Unproven::Problem(_)),
            Err(_) => true,
        }
    }

    /// Returns the address that a request came from, in place of a caller's name. It is empty if it is not known.
    // No key has such a name.
    pub(crate) fn address(&self, parts: &Parts) -> String {
        match Source::of(parts, self.config().api.trusted_proxies) {
            Source::Address(address) => address.to_string(),
            Source::Unknown => String::new(),
        }
    }

    /// Returns the caller that the credentials prove. A failed look-up in the ledger counts as a failure of `source`.
    async fn prove(&self, parts: &Parts, schemes: Schemes, source: Option<Source>) -> Result<Principal, Unproven> {
        let origin = Origin::of(parts, self.config().api.trusted_proxies);
        let credentials = Credentials::read(&parts.headers, schemes)?;
        let presented = credentials.secret.as_str();
        let names = |name: &str| Presented::set(parts, || origin.actor(name));
        let principal = if let Some(key) = self.config().auth.find(presented) {
            if key.has_expired(self.clock().now()) {
                names(&key.name);
                return Err(AuthFailure::ExpiredKey.into());
            }
            Principal::new(&key.name, key.scopes.iter().copied(), key.bounds())
        } else if credentials.scheme == Scheme::Bearer && self.issuers().may_have_made(presented) {
            let principal = self.issuers().verify(presented, self.clock().now()).await?;
            names(&principal.name);
            return Ok(principal.from(origin));
        } else {
            let (answer, counted) = self.in_ledger(presented, source).await?;
            let unproven: fn(AuthFailure) -> Unproven = if counted { Unproven::Counted } else { Unproven::Failed };
            match answer {
                Answer::Known(principal) => principal,
                Answer::Expired(name) => {
                    names(&name);
                    return Err(unproven(AuthFailure::ExpiredKey));
                }
                Answer::Revoked(name) => {
                    names(&name);
                    return Err(unproven(AuthFailure::UnknownKey));
                }
                Answer::Unknown => return Err(unproven(AuthFailure::UnknownKey)),
            }
        };
        names(&principal.name);
        match &credentials.name {
            Some(name) if *name != principal.name => Err(AuthFailure::WrongName.into()),
            _ => Ok(principal.from(origin)),
        }
    }

    /// Returns the ledger's answer about a key, and whether it was counted as a failure.
    async fn in_ledger(&self, presented: &str, source: Option<Source>) -> Result<(Answer, bool), Unproven> {
        let keys = self.known_keys();
        Ok(match (keys.remembered(presented), source) {
            (Remembered::Fresh(answer), _) => (answer, false),
            // The key was good before, so failures of others behind the same address do not block it.
            (Remembered::WasGood, _) | (_, None) => (keys.find(presented).await?, false),
            (Remembered::Nothing, Some(source)) => {
                // Counts before the look-up, so that each of many concurrent guesses counts.
                let failure = self.failures().take(source, Instant::now());
                let failure = failure.map_err(Unproven::Limited)?;
                let answer = self.guessed(presented, failure).await?;
                let failed = is_failure(&answer);
                (answer, failed)
            }
        })
    }

    /// Looks up a key that may be a guess. A look-up that fails or takes too long gives `failure` back: it reveals
    /// nothing.
    ///
    /// # Cancel safety
    ///
    /// A look-up that has begun goes on without its caller. Otherwise guesses of callers that leave at once would not
    /// count, though each costs a query.
    async fn guessed(&self, presented: &str, failure: Failure) -> Result<Answer, Problem> {
        // The questions limit the concurrent look-ups.
        let question = self.known_keys().question().await?;
        let (auth, presented) = (self.clone(), presented.to_owned());
        let look_up = tokio::spawn(async move {
            let asked = auth.known_keys().ask(question, &presented);
            let answer = within(auth.config().api.request_timeout, asked).await?;
            if is_failure(&answer) {
                failure.keep();
            }
            Ok::<_, Problem>(answer)
        });
        look_up.await.unwrap_or_else(|_| Err(Problem::usual(Kind::Internal)))
    }
}

fn is_failure(answer: &Answer) -> bool {
    !matches!(answer, Answer::Known(_))
}

fn limited(wait: Duration) -> Problem {
    metrics::authentication_failed(AuthFailure::Limited);
    // Not a warning: there may be thousands a second, and the metric counts them.
    tracing::debug!("credentials were not checked");
    Problem::new(
        Kind::TooManyRequests,
        "too many requests from your address failed authentication: send known credentials, after the time in `retry-after`",
    )
    .with_retry_after(wait)
}

/// Returns what the caller should do. It does not say why unknown credentials are wrong, since that would help a guess.
fn detail(why: AuthFailure, schemes: Schemes) -> String {
    match why {
        AuthFailure::Missing | AuthFailure::Malformed | AuthFailure::Scheme => {
            let written: Vec<_> = schemes.iter().map(|scheme| scheme.written()).collect();
            format!("send one header {}", written.join(", or "))
        }
        AuthFailure::ExpiredKey => "this API key has expired: use another".to_owned(),
        AuthFailure::TokenExpired => "this token has expired, or is valid for too long: use a fresh one".to_owned(),
        AuthFailure::UnknownKey | AuthFailure::WrongName => "use a known API key".to_owned(),
        _ => "use a token for this service from a configured issuer, or an API key".to_owned(),
    }
}
