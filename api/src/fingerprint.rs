//! Idempotency keys, and the keyed hash that tells whether two requests are the same.
//!
//! The hash is keyed by a secret of the installation: ids and owners cannot be guessed from it.

use std::fmt::Write;

use axum::http::{HeaderMap, HeaderName};
use hmac::{Hmac, KeyInit, Mac};
use lethe_common::ledger::{Idempotency, Ledger};
use sha2::Sha256;
use tokio::sync::OnceCell;
use uuid::Uuid;

use crate::http::problem::Problem;

const KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// The longest key: a UUID with much room for a prefix.
const MAX_KEY: usize = 255;

/// Reads the caller's key.
pub(crate) fn key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let mut keys = headers.get_all(KEY).iter();
    let Some(key) = keys.next() else { return Ok(None) };
    let valid = key
        .to_str()
        .ok()
        .filter(|key| (1..=MAX_KEY).contains(&key.len()) && !key.contains('\t') && keys.next().is_none());
    match valid {
        Some(key) => Ok(Some(key.to_owned())),
        None => Err(Problem::invalid(
            "Idempotency-Key",
            format_args!("send one, of 1 to {MAX_KEY} printable ASCII characters"),
        )),
    }
}

/// The secret of the installation, asked for once.
#[derive(Default)]
pub(crate) struct Fingerprints {
    secret: OnceCell<String>,
}

impl Fingerprints {
    /// Begins the hash of a request to `route`.
    pub(crate) async fn begin(&self, ledger: &Ledger, route: &str) -> Result<Fingerprint, Problem> {
        let secret = self
            .secret
            .get_or_try_init(|| async {
                // 244 random bits, should this process be the first.
                let fresh = format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple());
                ledger.secret("fingerprint", &fresh).await
            })
            .await?;
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("HMAC takes keys of any length");
        mac.update(route.as_bytes());
        // Ends the route: what follows cannot be taken for a part of it.
        mac.update(&[0]);
        Ok(Fingerprint(mac))
    }
}

/// The keyed hash of a request, as it grows.
#[derive(Clone)]
pub(crate) struct Fingerprint(Hmac<Sha256>);

impl Fingerprint {
    pub(crate) fn add(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    pub(crate) fn end(self) -> String {
        let hash = self.0.finalize().into_bytes();
        hash.iter().fold(String::new(), |mut hex, byte| {
            write!(hex, "{byte:02x}").expect("a String takes any text");
            hex
        })
    }

    /// Returns `key` with this hash.
    pub(crate) fn of(self, key: String) -> Idempotency {
        Idempotency {
            key,
            fingerprint: self.end(),
        }
    }
}
