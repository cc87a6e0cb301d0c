//! The keys of an issuer, as tokens are verified with them.

use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, PublicKeyUse};
use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey, Header};
use lethe_common::config::{Jwt, JwtAlgorithm, JwtKey};
use secrecy::ExposeSecret;
use serde::Deserialize;
use serde_json::Value;

use super::algorithm::algorithm;

/// The keys of an issuer.
#[derive(Default)]
pub(super) struct Keys {
    list: Vec<Key>,
    /// Whether they have ids: a secret and a single public key have none.
    named: bool,
}

struct Key {
    id: Option<String>,
    /// The one algorithm that it is for, if it says so.
    algorithm: Option<String>,
    verifier: DecodingKey,
}

impl Keys {
    /// Returns the keys that were read at the start.
    pub(super) fn of(key: &JwtKey, jwt: &Jwt) -> Self {
        let key = match key {
            JwtKey::Jwks(text) => return Self::of_set(text, jwt),
            JwtKey::Secret(secret) => Some(DecodingKey::from_secret(secret.expose_secret().as_bytes())),
            JwtKey::Pem(pem) => of_pem(pem.as_bytes(), jwt),
        };
        let key = key.map(|key| Key {
            id: None,
            algorithm: None,
            verifier: key,
        });
        Self {
            list: key.into_iter().collect(),
            named: false,
        }
    }

    /// Returns the keys of a JSON Web Key Set, less what cannot be used here.
    pub(super) fn of_set(text: &str, jwt: &Jwt) -> Self {
        #[derive(Deserialize)]
        struct Set {
            keys: Vec<Value>,
        }
        let set: Set = serde_json::from_str(text).unwrap_or(Set { keys: Vec::new() });
        // Each by itself: a key of a kind that is not known here must not hide the others.
        let keys = set
            .keys
            .into_iter()
            .filter_map(|key| Key::of(serde_json::from_value(key).ok()?));
        Self {
            list: keys.filter(|key| key.fits(jwt)).collect(),
            named: true,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Returns the key that a token was signed with, by what its header says.
    pub(super) fn find(&self, header: &Header) -> Option<&DecodingKey> {
        let mut fitting = self.list.iter().filter(|key| key.verifies(header.alg));
        match &header.kid {
            Some(id) if self.named => fitting.find(|key| key.id.as_ref() == Some(id)),
            // Without an id nobody tries one key after the other.
            _ => fitting.next().filter(|_| fitting.next().is_none()),
        }
        .map(|key| &key.verifier)
    }
}

impl Key {
    fn of(jwk: Jwk) -> Option<Self> {
        if matches!(jwk.common.public_key_use, Some(PublicKeyUse::Encryption)) {
            return None;
        }
        let usable = match &jwk.algorithm {
            AlgorithmParameters::RSA(_) => true,
            AlgorithmParameters::EllipticCurve(key) => key.curve == EllipticCurve::P256,
            AlgorithmParameters::OctetKeyPair(key) => key.curve == EllipticCurve::Ed25519,
            // A secret in a document that is published is none.
            AlgorithmParameters::OctetKey(_) => false,
        };
        Some(Self {
            verifier: DecodingKey::from_jwk(&jwk).ok().filter(|_| usable)?,
            algorithm: jwk.common.key_algorithm.map(|algorithm| algorithm.to_string()),
            id: jwk.common.key_id,
        })
    }

    fn fits(&self, jwt: &Jwt) -> bool {
        jwt.algorithms.iter().any(|allowed| self.verifies(algorithm(*allowed)))
    }

    fn verifies(&self, algorithm: Algorithm) -> bool {
        let said = self.algorithm.as_ref();
        self.verifier.family() == algorithm.family() && said.is_none_or(|said| *said == format!("{algorithm:?}"))
    }
}

/// Reads a public key, of the kind that the one algorithm of its issuer needs.
fn of_pem(pem: &[u8], jwt: &Jwt) -> Option<DecodingKey> {
    let family = algorithm(*jwt.algorithms.first()?).family();
    let key = match jwt.algorithms.first()? {
        JwtAlgorithm::Rs256 => DecodingKey::from_rsa_pem(pem),
        JwtAlgorithm::Es256 => DecodingKey::from_ec_pem(pem),
        JwtAlgorithm::EdDsa => DecodingKey::from_ed_pem(pem),
        // The configuration refuses it: a public key is no secret.
        JwtAlgorithm::Hs256 | JwtAlgorithm::Hs384 | JwtAlgorithm::Hs512 => return None,
    };
    key.ok().filter(|_| family != AlgorithmFamily::Hmac)
}
