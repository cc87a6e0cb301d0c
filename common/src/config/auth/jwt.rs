//! `[[auth.jwt]]`: the issuers of accepted tokens, and the scopes of these tokens.
//!
//! Files and variables are read here, once. The API turns their content into keys.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use strum::{EnumString, VariantNames};

use super::super::error::ConfigErrors;
use super::super::secret_file::content;
use super::super::text::{self, NAME, is_name, is_text};
use super::super::tls::Tls;
use super::{Auth, Scope};

/// The shortest secret of an HMAC.
// RFC 7518, 3.2: at least as long as the hash, which is 32 bytes for HS256.
const SECRET: usize = 32;

/// The most that clocks may differ.
// With a larger difference an operator sets clocks by hand, and `exp` means little.
const LEEWAY: Duration = Duration::from_mins(10);

/// An issuer of accepted tokens.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Jwt {
    /// The name of its tokens in logs and jobs.
    pub name: String,
    /// The algorithms that its tokens may be signed with.
    pub algorithms: BTreeSet<JwtAlgorithm>,
    /// The variable that holds the secret of HS256, HS384 or HS512.
    #[serde(default)]
    pub secret_env: Option<String>,
    /// The file that holds that secret.
    #[serde(default)]
    pub secret_file: Option<PathBuf>,
    /// The file with the public key, in PEM.
    #[serde(default)]
    pub public_key_file: Option<PathBuf>,
    /// The file with the public keys, as a JSON Web Key Set.
    #[serde(default)]
    pub jwks_file: Option<PathBuf>,
    /// The URL where the issuer publishes that set.
    #[serde(default)]
    pub jwks_url: Option<String>,
    /// Whether TLS verifies the name of that URL's server.
    #[serde(default)]
    pub tls: Option<Tls>,
    /// The interval at which the set is read again.
    #[serde(default = "jwks_refresh", deserialize_with = "text::duration")]
    pub jwks_refresh: Duration,
    /// The required value of `iss`.
    #[serde(default)]
    pub issuer: Option<String>,
    /// The required value of `aud`, or of one element of it.
    #[serde(default)]
    pub audience: Option<String>,
    /// The most that clocks may differ.
    #[serde(default = "leeway", deserialize_with = "text::duration")]
    pub leeway: Duration,
    /// The longest time that a token may still be valid, and its greatest age.
    #[serde(default = "max_age", deserialize_with = "text::duration")]
    pub max_age: Duration,
    /// The claim that names the person.
    #[serde(default = "user_claim")]
    pub user_claim: String,
    /// The claim with the scopes of the token: a list, or words with spaces between.
    #[serde(default = "scopes_claim")]
    pub scopes_claim: String,
    /// The claim with the workspaces that the token reaches; absent: all.
    #[serde(default)]
    pub workspaces_claim: Option<String>,
    /// The scopes of every token, with any claims; default: none.
    #[serde(default)]
    pub scopes: BTreeSet<Scope>,
    /// The further scopes that a token may claim; other words are ignored.
    #[serde(default = "allow_scopes")]
    pub allow_scopes: BTreeSet<Scope>,
    /// The keys that verify tokens, as read at the start. Absent where this process accepts no
    /// tokens, and for `jwks_url`.
    #[serde(skip)]
    pub key: Option<JwtKey>,
}

// Issuers say that they may rotate keys this often. Each process asks once in a few minutes.
fn jwks_refresh() -> Duration {
    Duration::from_mins(5)
}

// NTP keeps clocks far closer than that.
fn leeway() -> Duration {
    Duration::from_secs(30)
}

// A token cannot be revoked: it has to expire.
fn max_age() -> Duration {
    Duration::from_hours(24)
}

fn user_claim() -> String {
    "sub".to_owned()
}

fn scopes_claim() -> String {
    "scope".to_owned()
}

// An issuer of tokens for people must not create an administrator by mistake.
fn allow_scopes() -> BTreeSet<Scope> {
    BTreeSet::from([Scope::MemoriesDelete, Scope::JobsRead])
}

/// The keys that verify tokens, as they were read.
#[derive(Clone)]
pub enum JwtKey {
    /// The secret of an HMAC.
    Secret(SecretString),
    /// A public key in PEM.
    Pem(String),
    /// A JSON Web Key Set.
    Jwks(String),
}

impl fmt::Debug for JwtKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Secret(_) => "Secret(..)",
            Self::Pem(_) => "Pem(..)",
            Self::Jwks(_) => "Jwks(..)",
        })
    }
}

impl PartialEq for JwtKey {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Secret(own), Self::Secret(other)) => own.expose_secret() == other.expose_secret(),
            (Self::Pem(own), Self::Pem(other)) | (Self::Jwks(own), Self::Jwks(other)) => own == other,
            _ => false,
        }
    }
}

impl Eq for JwtKey {}

/// The signature algorithm of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize, EnumString, VariantNames)]
#[serde(try_from = "String")]
#[strum(serialize_all = "UPPERCASE")]
pub enum JwtAlgorithm {
    /// HMAC with SHA-256.
    Hs256,
    /// HMAC with SHA-384.
    Hs384,
    /// HMAC with SHA-512.
    Hs512,
    /// RSA, PKCS#1 version 1.5, with SHA-256.
    Rs256,
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// Ed25519.
    #[strum(serialize = "EdDSA")]
    EdDsa,
}

impl JwtAlgorithm {
    /// Returns whether the verifier of a token could also sign one.
    pub fn is_symmetric(self) -> bool {
        matches!(self, Self::Hs256 | Self::Hs384 | Self::Hs512)
    }
}

impl TryFrom<String> for JwtAlgorithm {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text::word(&text)
    }
}

impl Auth {
    /// Adds an issuer that was read at `path`, after checks against the earlier issuers.
    pub(in super::super) fn add_jwt(&mut self, path: &str, jwt: Jwt, errors: &mut ConfigErrors) {
        let at = |key: &str| format!("{path}.{key}");
        errors.require(is_name(&jwt.name), at("name"), NAME);
        errors.require(
            self.jwts.iter().all(|other| other.name != jwt.name),
            at("name"),
            "write another name: this one is taken",
        );
        errors.require(
            !jwt.algorithms.is_empty(),
            at("algorithms"),
            "write at least one algorithm",
        );
        jwt.check_source(path, errors);
        for (key, text) in [
            ("user_claim", Some(&jwt.user_claim)),
            ("scopes_claim", Some(&jwt.scopes_claim)),
            ("workspaces_claim", jwt.workspaces_claim.as_ref()),
            ("issuer", jwt.issuer.as_ref()),
            ("audience", jwt.audience.as_ref()),
        ] {
            errors.require(text.is_none_or(|text| is_text(text)), at(key), "write it, or remove it");
        }
        errors.require(!jwt.jwks_refresh.is_zero(), at("jwks_refresh"), "write more than 0s");
        errors.require(!jwt.max_age.is_zero(), at("max_age"), "write more than 0s");
        errors.require(jwt.leeway <= LEEWAY, at("leeway"), "write at most 10min");
        // Only the `iss` of a token decides which issuer's keys verify it.
        for other in &self.jwts {
            errors.require(
                other.issuer.is_some() && jwt.issuer.is_some() && other.issuer != jwt.issuer,
                at("issuer"),
                "with several [[auth.jwt]] write one in each, all different",
            );
        }
        self.jwts.push(jwt);
    }
}

impl Jwt {
    fn check_source(&self, path: &str, errors: &mut ConfigErrors) {
        let secret = self.secret_env.is_some() || self.secret_file.is_some();
        let sources = [
            self.secret_env.is_some(),
            self.secret_file.is_some(),
            self.public_key_file.is_some(),
            self.jwks_file.is_some(),
            self.jwks_url.is_some(),
        ];
        errors.require(
            sources.into_iter().filter(|given| *given).count() == 1,
            path,
            "write exactly one of secret_env, secret_file, public_key_file, jwks_file, jwks_url",
        );
        // If a public key is used as a secret, every holder of the public key can sign tokens.
        errors.require(
            self.algorithms
                .iter()
                .all(|algorithm| algorithm.is_symmetric() == secret),
            format_args!("{path}.algorithms"),
            "write HS256, HS384, HS512 with a secret, and RS256, ES256, EdDSA with public keys",
        );
        errors.require(
            self.public_key_file.is_none() || self.algorithms.len() == 1,
            format_args!("{path}.algorithms"),
            "write the one algorithm of the public key",
        );
        errors.require(
            self.jwks_url.as_deref().is_none_or(is_jwks_url),
            format_args!("{path}.jwks_url"),
            "write a URL such as https://host/path",
        );
    }

    /// Reads the keys that verify tokens.
    pub(in super::super) fn read_key(&mut self, path: &str, env: &BTreeMap<String, String>, errors: &mut ConfigErrors) {
        if let Some(variable) = &self.secret_env {
            match env.get(variable) {
                Some(secret) => self.key = Some(secret_of(secret, &format!("{path}.secret_env"), errors)),
                None => errors.push(
                    format_args!("{path}.secret_env"),
                    "set the variable of this name: it is not in the environment",
                ),
            }
        }
        if let Some(text) = content(self.secret_file.as_deref(), &format!("{path}.secret_file"), errors) {
            self.key = Some(secret_of(&text, &format!("{path}.secret_file"), errors));
        }
        let key = format!("{path}.public_key_file");
        if let Some(text) = content(self.public_key_file.as_deref(), &key, errors) {
            errors.require(
                text.contains("-----BEGIN PUBLIC KEY-----"),
                &key,
                "write a public key in PEM into the file: -----BEGIN PUBLIC KEY-----",
            );
            self.key = Some(JwtKey::Pem(text));
        }
        let key = format!("{path}.jwks_file");
        if let Some(text) = content(self.jwks_file.as_deref(), &key, errors) {
            let set: Option<serde_json::Value> = serde_json::from_str(&text).ok();
            errors.require(
                set.is_some_and(|set| set["keys"].is_array()),
                &key,
                "write a JSON Web Key Set into the file: {\"keys\": […]}",
            );
            self.key = Some(JwtKey::Jwks(text));
        }
    }
}

fn secret_of(text: &str, key: &str, errors: &mut ConfigErrors) -> JwtKey {
    // Editors end files with a line end that is no part of the secret.
    let secret = text.trim_end_matches(['\r', '\n']);
    errors.require(
        secret.len() >= SECRET,
        key,
        "write a secret of at least 32 bytes: a shorter one can be guessed",
    );
    JwtKey::Secret(SecretString::from(secret))
}

fn is_jwks_url(url: &str) -> bool {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    // A user in the URL would be a secret, and would reach logs.
    rest.is_some_and(|rest| {
        let host = rest.split('/').next().unwrap_or_default();
        !host.is_empty() && !host.contains('@') && !rest.contains(char::is_whitespace)
    })
}
