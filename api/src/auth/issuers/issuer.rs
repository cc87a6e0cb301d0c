//! One issuer: its keys as they are now, and whether it made a token.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use jsonwebtoken::errors::{Error, ErrorKind};
use jsonwebtoken::{Header, Validation, decode};
use lethe_common::config::Jwt;
use lethe_common::metrics::AuthFailure;
use tokio::sync::Mutex;

use super::algorithm::algorithm;
use super::fetch;
use super::keys::Keys;
use super::lifetime;
use crate::auth::token::Claims;
use crate::auth::unproven::Unproven;
use crate::http::problem::{Kind, Problem};

/// How soon the keys of an issuer are read again because a token names one that is not there.
// Anybody can send such tokens; issuers publish a key long before they use it.
const AGAIN: Duration = Duration::from_secs(10);

/// An issuer of accepted tokens.
pub(super) struct Issuer {
    jwt: Jwt,
    keys: RwLock<Arc<Keys>>,
    // Held while they are read, so that one request reads for all.
    last: Mutex<Option<Reading>>,
}

/// When the published keys were last read, or could not be.
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
            last: Mutex::default(),
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

    /// Returns what a token says, if this issuer signed it, and for us, and it is good at `now`.
    pub(super) async fn claims(&self, presented: &str, header: &Header, now: Timestamp) -> Result<Claims, Unproven> {
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
                // The token may be good: who sent it is not to blame.
                return Err(Problem::usual(Kind::IssuerUnavailable).into());
            }
        }
        let key = key.ok_or(AuthFailure::TokenKey)?;
        // `alg` of the token is one of the issuer's, and its key is of that family.
        let mut validation = Validation::new(header.alg);
        // Of times it checks only that there is an end.
        validation.validate_exp = false;
        validation.validate_nbf = false;
        let mut required = vec!["exp"];
        if let Some(issuer) = &jwt.issuer {
            validation.set_issuer(&[issuer]);
            required.push("iss");
        }
        if let Some(audience) = &jwt.audience {
            // Without one a token that names any audience is refused: it was made for another.
            validation.set_audience(&[audience]);
            required.push("aud");
        }
        validation.set_required_spec_claims(&required);
        let claims = decode::<Claims>(presented, &key, &validation).map_err(|error| reason(&error))?;
        lifetime::check(&claims.claims, now, jwt.leeway, jwt.max_age)?;
        Ok(claims.claims)
    }

    /// Reads the published keys, unless they were read within `within`; returns whether that
    /// succeeded when it was last done.
    pub(super) async fn read(&self, within: Duration) -> bool {
        let mut last = self.last.lock().await;
        if let Some(reading) = last.filter(|reading| reading.at.elapsed() < within) {
            return reading.succeeded;
        }
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
            // What was known before is still believed.
            Err(error) => {
                tracing::warn!(issuer = self.jwt.name, error = %error, "the issuer's keys could not be read");
            }
        }
        // After it: a slow answer must not make the next question come at once.
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
