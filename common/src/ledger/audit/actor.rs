//! The actor of an act.

use std::net::IpAddr;

/// The actor of an act, and the address of its request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Actor {
    /// The name of its key, or the word that stands for a token's issuer and subject.
    pub name: String,
    /// The address from which the request came, if it is known.
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
