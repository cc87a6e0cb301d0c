//! One issuer: its current keys, and the check that it signed a token.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use jsonwebtoken::errors::{Error, ErrorKind};
use jsonwebtoken::{Header, Validation, decode};
use lethe_common::config::Jwt;
use lethe_common::metrics::AuthFailure;
use tokio::sync::{Mutex, OwnedMutexGuard};

use super::algorithm::algorithm;
use super::fetch;
use super::keys::Keys;
use super::lifetime;
use crate::auth::token::Claims;
use crate::auth::unproven::Unproven;
use crate::http::problem::{Kind, Problem};

/// The least time between two reads of an issuer's keys that tokens with unknown keys cause.
// Any client can send such tokens. Issuers publish a key long before they use it.
const AGAIN: Duration = Duration::from_secs(10);

/// An issuer of accepted tokens.
pub(super) struct Issuer {
    jwt: Jwt,
    keys: RwLock<Arc<Keys>>,
    // Locked during a read, so that one request reads for all.
    last: Arc<Mutex<Option<Reading>>>,
}

/// The last read of the published keys, successful or not.
#[derive(Clone, Copy)]
struct Reading {
    at: Instant,
    succeeded: bool,
}

impl Issuer {
    /// Returns the issuer with the keys that the configuration holds.
    pub(super) fn new(jwt: &Jwt) -> Self {
        let keys = jwt.key.as_ref().map(|key| Keys::of(key, jwt));
        if keys.as_ref().is_some_and(Keys::is_empty) {
            tracing::error!(
                issuer = jwt.name,
                "no key of this issuer can be used: its tokens are refused"
            );
        }
        Self {
            jwt: jwt.clone(),
            keys: RwLock::new(Arc::new(keys.unwrap_or_default())),
            last: Arc::default(),
        }
    }

    pub(super) fn jwt(&self) -> &Jwt {
        &self.jwt
    }

    pub(super) fn is_published(&self) -> bool {
        self.jwt.jwks_url.is_some() || self.jwt.jwks_file.is_some()
    }

    fn keys(&self) -> Arc<Keys> {
        Arc::clone(&self.keys.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Returns the claims of a token that this issuer signed for this service, if it is valid at `now`.
    pub(super) async fn claims(
        self: &Arc<Self>,
        presented: &str,
        header: &Header,
        now: Timestamp,
    ) -> Result<Claims, Unproven> {
        let jwt = &self.jwt;
        if !jwt.algorithms.iter().any(|allowed| algorithm(*allowed) == header.alg) {
            return Err(AuthFailure::TokenAlgorithm.into());
        }
        let keys = self.keys();
        let mut key = keys.find(header).cloned();
        if key.is_none() && self.is_published() {
            let succeeded = self.read(AGAIN).await;
            key = self.keys().find(header).cloned();
            if key.is_none() && !succeeded {
                // The token may be valid, so this is no failure of the caller.
                return Err(Problem::usual(Kind::IssuerUnavailable).into());
            }
        }
        let key = key.ok_or(AuthFailure::TokenKey)?;
        // The token's `alg` is one of the issuer's, and the key is of its family.
        let mut validation = Validation::new(header.alg);
        // The library only requires `exp`; `lifetime` checks the times.
        validation.validate_exp = false;
        validation.validate_nbf = false;
        let mut required = vec!["exp"];
        if let Some(issuer) = &jwt.issuer {
            validation.set_issuer(&[issuer]);
            required.push("iss");
        }
        if let Some(audience) = &jwt.audience {
            // Without a configured audience, tokens that name one are refused: they are meant for another service.
            validation.set_audience(&[audience]);
            required.push("aud");
        }
        validation.set_required_spec_claims(&required);
        let claims = decode::<Claims>(presented, &key, &validation).map_err(|error| reason(&error))?;
        let names_audience = claims.claims.get("aud").is_some_and(|audience| !audience.is_null());
        if jwt.audience.is_none() && names_audience {
            // The library ignores an `aud` that it cannot read, such as a list with a number in it.
            return Err(AuthFailure::TokenAudience.into());
        }
        lifetime::check(&claims.claims, now, jwt.leeway, jwt.max_age)?;
        Ok(claims.claims)
    }

    /// Reads the published keys, unless the last read is younger than `within`. Returns whether the last read
    /// succeeded.
    ///
    /// # Cancel safety
    ///
    /// A read that has begun goes on without its caller. Otherwise callers that leave at once could cause reads without
    /// limit, or keep a new key from ever being read.
    pub(super) async fn read(self: &Arc<Self>, within: Duration) -> bool {
        let last = Arc::clone(&self.last).lock_owned().await;
        if let Some(reading) = last.filter(|reading| reading.at.elapsed() < within) {
            return reading.succeeded;
        }
        let issuer = Arc::clone(self);
        tokio::spawn(async move { issuer.fetch(last).await })
            .await
            .unwrap_or(false)
    }

    /// Reads the published keys, and notes the read in `last`. Returns whether it succeeded.
    async fn fetch(&self, mut last: OwnedMutexGuard<Option<Reading>>) -> bool {
        let mut succeeded = false;
        match fetch::published(&self.jwt).await {
            Ok(text) => {
                let keys = Keys::of_set(&text, &self.jwt);
                succeeded = !keys.is_empty();
                if succeeded {
                    *self.keys.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(keys);
                } else {
                    tracing::warn!(issuer = self.jwt.name, "the issuer publishes no key that can be used");
                }
            }
            // The keys of the last successful read stay in use.
            Err(error) => {
                tracing::warn!(issuer = self.jwt.name, error = %error, "the issuer's keys could not be read");
            }
        }
        // Taken after the read: a slow answer must not cause the next read at once.
        let at = Instant::now();
        *last = Some(Reading { at, succeeded });
        succeeded
    }
}

fn reason(error: &Error) -> AuthFailure {
    match error.kind() {
        ErrorKind::InvalidIssuer => AuthFailure::TokenIssuer,
        ErrorKind::InvalidAudience => AuthFailure::TokenAudience,
        ErrorKind::MissingRequiredClaim(claim) => match claim.as_str() {
            "iss" => AuthFailure::TokenIssuer,
            "aud" => AuthFailure::TokenAudience,
            _ => AuthFailure::TokenExpired,
        },
        ErrorKind::InvalidSignature => AuthFailure::TokenSignature,
        ErrorKind::InvalidAlgorithm => AuthFailure::TokenAlgorithm,
        ErrorKind::InvalidEcdsaKey
        | ErrorKind::InvalidEddsaKey
        | ErrorKind::InvalidRsaKey(_)
        | ErrorKind::InvalidKeyFormat => AuthFailure::TokenKey,
        _ => AuthFailure::TokenMalformed,
    }
}
