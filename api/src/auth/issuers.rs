//! Whose tokens are taken, and whether a token is one of theirs.
//!
//! Which issuer is asked is said by the token's `iss` alone, never by its key's id: with the key of
//! one issuer nobody signs for another. Nothing a token says is believed before its signature is
//! verified, apart from that choice.

mod fetch;
mod keys;

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::future::join_all;
use jsonwebtoken::errors::{Error, ErrorKind};
use jsonwebtoken::{Algorithm, Header, Validation, dangerous, decode, decode_header};
use lethe_common::config::{Config, Jwt, JwtAlgorithm};
use lethe_common::metrics::AuthFailure;
use serde::Deserialize;
use serde_json::Value;
use tokio::sync::Mutex;

use super::token::{self, Claims};
use super::{Principal, Unproven};
use crate::http::problem::{Kind, Problem};
use crate::state::AppState;
use keys::Keys;

/// How soon the keys of an issuer are read again because a token names one that is not there.
// Anybody can send such tokens; issuers publish a key long before they use it.
const AGAIN: Duration = Duration::from_secs(10);

/// How many digits of the hash of a person are in the name of a principal: 64 bits tell all people apart.
const DIGITS: usize = 16;

/// Those whose tokens are taken.
pub(crate) struct Issuers(Vec<Issuer>);

struct Issuer {
    jwt: Jwt,
    keys: std::sync::RwLock<Arc<Keys>>,
    // Held while they are read, so that one request reads for all.
    last: Mutex<Option<Reading>>,
}

/// When the published keys were last read, or could not be.
#[derive(Clone, Copy)]
struct Reading {
    at: Instant,
    succeeded: bool,
}

/// What a token says of who made it.
#[derive(Deserialize)]
struct Said {
    iss: Option<Value>,
}

impl Issuers {
    pub(crate) fn new(config: &Config) -> Self {
        let issuer = |jwt: &Jwt| {
            let keys = jwt.key.as_ref().map(|key| Keys::of(key, jwt));
            if keys.as_ref().is_some_and(Keys::is_empty) {
                tracing::error!(
                    issuer = jwt.name,
                    "no key of this issuer can be used: its tokens are refused"
                );
            }
            Issuer {
                jwt: jwt.clone(),
                keys: std::sync::RwLock::new(Arc::new(keys.unwrap_or_default())),
                last: Mutex::default(),
            }
        };
        Self(config.auth.jwts.iter().map(issuer).collect())
    }

    /// Returns whether this can be a token: no API key looks like one.
    pub(super) fn may_have_made(&self, presented: &str) -> bool {
        let part = |part: &str| part.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b));
        let mut parts = presented.split('.');
        let three = parts.by_ref().take(3).filter(|text| part(text)).count() == 3;
        !self.0.is_empty() && three && parts.next().is_none() && presented.starts_with("ey")
    }

    /// Returns who holds a token.
    pub(super) async fn verify(&self, state: &AppState, presented: &str) -> Result<Principal, Unproven> {
        let header = decode_header(presented).map_err(|_| AuthFailure::TokenMalformed)?;
        if header.crit.is_some() {
            // RFC 7515, 4.1.11: what is not understood must not be overlooked.
            return Err(AuthFailure::TokenMalformed.into());
        }
        let issuer = self.of(presented)?;
        let claims = issuer.claims(presented, &header).await?;
        let jwt = &issuer.jwt;
        let user = token::user(&claims, jwt, state.config().api.max_id_length)?;
        let mut fingerprint = state.fingerprints().begin(state.ledger(), "principal").await?;
        fingerprint.add(jwt.name.as_bytes());
        fingerprint.add(&[0]);
        let person = user.clone();
        let (scopes, bounds) = token::reach(&claims, jwt, user);
        // A person who reaches further by another token is another caller: what that one did is not
        // this one's to see or to repeat.
        fingerprint.add(
            &serde_json::to_vec(&(person, bounds.user.is_some(), &bounds.workspaces)).expect("texts are always JSON"),
        );
        let hash = fingerprint.end();
        let digits: String = hash.chars().take(DIGITS).collect();
        Ok(Principal::new(&format!("jwt:{}:{digits}", jwt.name), scopes, bounds))
    }

    /// Reads published keys again, each issuer's as often as the configuration says; never returns
    /// while there are any.
    pub(crate) async fn keep_fresh(&self) {
        let published = self.0.iter().filter(|issuer| issuer.is_published());
        join_all(published.map(|issuer| async {
            loop {
                issuer.read(Duration::ZERO).await;
                tokio::time::sleep(issuer.jwt.jwks_refresh).await;
            }
        }))
        .await;
    }

    /// Returns the issuer that made a token, if it says the truth.
    fn of(&self, presented: &str) -> Result<&Issuer, AuthFailure> {
        if let [only] = self.0.as_slice() {
            return Ok(only);
        }
        let said = dangerous::insecure_decode::<Said>(presented).map_err(|_| AuthFailure::TokenMalformed)?;
        let said = said.claims.iss.as_ref().and_then(Value::as_str);
        let said = said.ok_or(AuthFailure::TokenIssuer)?;
        let named = |issuer: &&Issuer| issuer.jwt.issuer.as_deref() == Some(said);
        self.0.iter().find(named).ok_or(AuthFailure::TokenIssuer)
    }
}

impl Issuer {
    fn is_published(&self) -> bool {
        self.jwt.jwks_url.is_some() || self.jwt.jwks_file.is_some()
    }

    fn keys(&self) -> Arc<Keys> {
        Arc::clone(&self.keys.read().unwrap_or_else(std::sync::PoisonError::into_inner))
    }

    /// Returns what a token says, if this issuer signed it, and for us, and now.
    async fn claims(&self, presented: &str, header: &Header) -> Result<Claims, Unproven> {
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
        validation.leeway = jwt.leeway.as_secs();
        validation.validate_nbf = true;
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
        Ok(claims.claims)
    }

    /// Reads the published keys, unless they were read within `within`; returns whether that
    /// succeeded when it was last done.
    async fn read(&self, within: Duration) -> bool {
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
                    *self.keys.write().unwrap_or_else(std::sync::PoisonError::into_inner) = Arc::new(keys);
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

fn algorithm(allowed: JwtAlgorithm) -> Algorithm {
    match allowed {
        JwtAlgorithm::Hs256 => Algorithm::HS256,
        JwtAlgorithm::Hs384 => Algorithm::HS384,
        JwtAlgorithm::Hs512 => Algorithm::HS512,
        JwtAlgorithm::Rs256 => Algorithm::RS256,
        JwtAlgorithm::Es256 => Algorithm::ES256,
        JwtAlgorithm::EdDsa => Algorithm::EdDSA,
    }
}

fn reason(error: &Error) -> AuthFailure {
    match error.kind() {
        ErrorKind::ExpiredSignature => AuthFailure::TokenExpired,
        ErrorKind::ImmatureSignature => AuthFailure::TokenNotYet,
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
