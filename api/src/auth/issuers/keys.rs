//! The keys of an issuer, which verify its tokens.

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
    /// Whether the keys have ids. A secret and a single public key have none.
    named: bool,
}

struct Key {
    id: Option<String>,
    /// The only algorithm that the key is for, if the key names one.
    algorithm: Option<String>,
    verifier: DecodingKey,
}

impl Keys {
    /// Returns the keys that the configuration read at the start.
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

    /// Returns the usable keys of a JSON Web Key Set.
    pub(super) fn of_set(text: &str, jwt: &Jwt) -> Self {
        #[derive(Deserialize)]
        struct Set {
            keys: Vec<Value>,
        }
        let set: Set = serde_json::from_str(text).unwrap_or(Set { keys: Vec::new() });
        // Parses each key by itself: a key of an unknown kind must not hide the others.
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

    /// Returns the key that verifies a token, by the token's header.
    pub(super) fn find(&self, header: &Header) -> Option<&DecodingKey> {
        let mut fitting = self.list.iter().filter(|key| key.verifies(header.alg));
        match &header.kid {
            Some(id) if self.named => fitting.find(|key| key.id.as_ref() == Some(id)),
            // Without an id only a single fitting key is used. Keys are not tried one after the other.
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
            // A published secret is no secret.
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

/// Reads a public key for the issuer's only algorithm.
fn of_pem(pem: &[u8], jwt: &Jwt) -> Option<DecodingKey> {
    let family = algorithm(*jwt.algorithms.first()?).family();
    let key = match jwt.algorithms.first()? {
        JwtAlgorithm::Rs256 => DecodingKey::from_rsa_pem(pem),
        JwtAlgorithm::Es256 => DecodingKey::from_ec_pem(pem),
        JwtAlgorithm::EdDsa => DecodingKey::from_ed_pem(pem),
        // The configuration refuses this: a public key is no secret.
        JwtAlgorithm::Hs256 | JwtAlgorithm::Hs384 | JwtAlgorithm::Hs512 => return None,
    };
    key.ok().filter(|_| family != AlgorithmFamily::Hmac)
}
