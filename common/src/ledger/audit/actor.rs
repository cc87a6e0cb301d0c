//! Who acts.

use std::net::IpAddr;

/// Who acts, and from where.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Actor {
    /// The name of its key, or the word that stands for a token's issuer and subject.
    pub name: String,
    /// The address that the request came from, as far as it is known.
    pub address: Option<IpAddr>,
    /// The id of the request.
    pub request: Option<String>,
}

impl Actor {
    /// Returns an actor that sent no request.
    pub fn named(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            ..Self::default()
        }
    }
}
