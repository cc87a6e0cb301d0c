//! The keyed hash that tells whether two requests are the same.
//!
//! The hash is keyed by a secret of the installation: ids and owners cannot be guessed from it.

use std::fmt::Write;
use std::sync::Arc;

use hmac::{Hmac, KeyInit, Mac};
use lethe_common::ledger::{Idempotency, Ledger};
use sha2::Sha256;
use tokio::sync::OnceCell;
use uuid::Uuid;

use crate::http::problem::Problem;

/// The secret of the installation, read from the ledger once. Clones share it.
#[derive(Clone)]
pub(crate) struct Fingerprints(Arc<Secret>);

struct Secret {
    ledger: Ledger,
    secret: OnceCell<String>,
}

impl Fingerprints {
    pub(crate) fn new(ledger: Ledger) -> Self {
        Self(Arc::new(Secret {
            ledger,
            secret: OnceCell::new(),
        }))
    }

    /// Begins the hash of a request to `route`.
    pub(crate) async fn begin(&self, route: &str) -> Result<Fingerprint, Problem> {
        let Secret { ledger, secret } = &*self.0;
        let secret = secret
            .get_or_try_init(|| async {
                // 244 random bits. They become the secret if the ledger has none yet.
                let fresh = format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple());
                ledger.secret("fingerprint", &fresh).await
            })
            .await?;
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("HMAC takes keys of any length");
        mac.update(route.as_bytes());
        // Ends the route, so that no byte of the request can pass for a part of it.
        mac.update(&[0]);
        Ok(Fingerprint(mac))
    }
}

/// A keyed hash that grows with each part of a request.
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
