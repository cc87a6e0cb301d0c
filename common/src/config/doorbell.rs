//! `[doorbell]`: the notifications that wake other processes.

use redis::IntoConnectionInfo;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use super::error::ConfigErrors;
use super::text::{NAME, is_name};
use super::tls::Tls;

/// The notifications that wake other processes.
#[derive(Debug, Clone, Deserialize)]
#[serde(default)]
pub struct Doorbell {
    /// `redis://…` or `rediss://…`, or the content of `url_file`; absent: only within the process.
    pub url: Option<SecretString>,
    /// The first part of the names of the Redis channels.
    pub prefix: String,
    /// Whether TLS verifies the server's name.
    pub tls: Option<Tls>,
}

impl Default for Doorbell {
    fn default() -> Self {
        Self {
            url: None,
            prefix: "lethe".to_owned(),
            tls: None,
        }
    }
}

impl Doorbell {
    pub(super) fn check(&self, errors: &mut ConfigErrors) {
        let valid = self.url.as_ref().is_none_or(|url| is_redis_url(url.expose_secret()));
        errors.require(valid, "doorbell.url", "write a URL such as \"redis://host:6379\"");
        errors.require(is_name(&self.prefix), "doorbell.prefix", NAME);
    }
}

fn is_redis_url(url: &str) -> bool {
    // The parser also accepts Unix sockets, which this build does not promise to support.
    (url.starts_with("redis://") || url.starts_with("rediss://")) && url.into_connection_info().is_ok()
}
