//! `[embedded]`: the stores that `lethe up` brings along.

use std::net::SocketAddr;

use serde::Deserialize;

use super::error::ConfigErrors;
use super::text;

/// The stores that `lethe up` brings along.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Embedded {
    /// The address of the vector store's gRPC interface; port 0 takes any free one. Absent: a free port, the same at
    /// each start as long as it is free.
    #[serde(deserialize_with = "text::optional_address")]
    pub qdrant_listen: Option<SocketAddr>,
}

impl Embedded {
    /// The advice where [`is_local`](Self::is_local) refuses an address.
    pub const LOCAL: &str = "write an address of this machine, such as \"127.0.0.1:6334\"";

    /// Returns whether only this machine reaches an address. The interface has no TLS, so its key and the vectors would
    /// cross a network in the clear.
    pub fn is_local(address: SocketAddr) -> bool {
        address.ip().is_loopback()
    }

    pub(super) fn check(&self, errors: &mut ConfigErrors) {
        errors.require(
            self.qdrant_listen.is_none_or(Self::is_local),
            "embedded.qdrant_listen",
            Self::LOCAL,
        );
    }
}
