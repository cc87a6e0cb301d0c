//! The choice of a token's issuer, and the principal that a valid token stands for.

use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use jiff::Timestamp;
use jsonwebtoken::{dangerous, decode_header};
use lethe_common::config::Config;
use lethe_common::metrics::AuthFailure;
use serde::Deserialize;
use serde_json::Value;

use super::issuer::Issuer;
use crate::auth::Principal;
use crate::auth::token;
use crate::auth::unproven::Unproven;
use crate::fingerprint::Fingerprints;

/// The hexadecimal digits of a person's hash in a principal's name: 64 bits tell all people apart.
const DIGITS: usize = 16;

/// The issuers of accepted tokens.
pub(in crate::auth) struct Issuers {
    list: Vec<Arc<Issuer>>,
    /// The longest name of a person, in characters.
    longest: usize,
    fingerprints: Fingerprints,
}

/// The claim by which a token names its issuer.
#[derive(Deserialize)]
struct Said {
    iss: Option<Value>,
}

/// Returns whether a token of this type authenticates a caller (RFC 8725, 3.11). A logout token, for example, does not.
fn is_access_token(typ: &str) -> bool {
    let typ = typ.to_ascii_lowercase();
    // RFC 7515, 4.1.9: a type without another slash may omit `application/`.
    ["jwt", "at+jwt"].contains(&typ.strip_prefix("application/").unwrap_or(&typ))
}

impl Issuers {
    pub(in crate::auth) fn new(config: &Config, fingerprints: Fingerprints) -> Self {
        Self {
            list: config.auth.jwts.iter().map(Issuer::new).map(Arc::new).collect(),
            longest: config.api.max_id_length,
            fingerprints,
        }
    }

    /// Returns whether this can be a token. No API key has this form.
    pub(in crate::auth) fn may_have_made(&self, presented: &str) -> bool {
        let part = |part: &str| part.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b));
        let mut parts = presented.split('.');
        let three = parts.by_ref().take(3).filter(|text| part(text)).count() == 3;
        !self.list.is_empty() && three && parts.next().is_none() && presented.starts_with("ey")
    }

    /// Returns the holder of a token that is valid at `now`.
    pub(in crate::auth) async fn verify(&self, presented: &str, now: Timestamp) -> Result<Principal, Unproven> {
        let header = decode_header(presented).map_err(|_| AuthFailure::TokenMalformed)?;
        if header.crit.is_some() {
            // RFC 7515, 4.1.11: an extension that is critical and not understood makes the token invalid.
            return Err(AuthFailure::TokenMalformed.into());
        }
        if !header.typ.as_deref().is_none_or(is_access_token) {
            return Err(AuthFailure::TokenMalformed.into());
        }
        let issuer = self.of(presented)?;
        let claims = issuer.claims(presented, &header, now).await?;
        let jwt = issuer.jwt();
        let user = token::user(&claims, jwt, self.longest)?;
        let mut fingerprint = self.fingerprints.begin("principal").await?;
        fingerprint.add(jwt.name.as_bytes());
        fingerprint.add(&[0]);
        let person = user.clone();
        let (scopes, bounds) = token::reach(&claims, jwt, user);
        // The same person with other bounds is another caller. It must not see or repeat the first one's requests.
        fingerprint.add(
            &serde_json::to_vec(&(person, bounds.user.is_some(), &bounds.workspaces)).expect("texts are always JSON"),
        );
        let hash = fingerprint.end();
        let digits: String = hash.chars().take(DIGITS).collect();
        Ok(Principal::new(&format!("jwt:{}:{digits}", jwt.name), scopes, bounds))
    }

    /// Reads the published keys of each issuer again, every `jwks_refresh`. Never returns if an issuer publishes keys.
    pub(in crate::auth) async fn keep_fresh(&self) {
        let published = self.list.iter().filter(|issuer| issuer.is_published());
        join_all(published.map(|issuer| async {
            loop {
                issuer.read(Duration::ZERO).await;
                tokio::time::sleep(issuer.jwt().jwks_refresh).await;
            }
        }))
        .await;
    }

    /// Returns the issuer that a token names. The signature is not verified yet.
    fn of(&self, presented: &str) -> Result<&Arc<Issuer>, AuthFailure> {
        if let [only] = self.list.as_slice() {
            return Ok(only);
        }
        let said = dangerous::insecure_decode::<Said>(presented).map_err(|_| AuthFailure::TokenMalformed)?;
        let said = said.claims.iss.as_ref().and_then(Value::as_str);
        let said = said.ok_or(AuthFailure::TokenIssuer)?;
        let named = |issuer: &&Arc<Issuer>| issuer.jwt().issuer.as_deref() == Some(said);
        self.list.iter().find(named).ok_or(AuthFailure::TokenIssuer)
    }
}
