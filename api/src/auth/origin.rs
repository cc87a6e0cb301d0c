//! The origin of a request: its address and its id.

use std::net::{IpAddr, SocketAddr};

use axum::extract::ConnectInfo;
use axum::http::HeaderMap;
use axum::http::request::Parts;
use lethe_common::ledger::Actor;

use crate::http::observe::RequestId;

/// The origin of a request, as the audit trail records it.
// No `Debug`: an address is personal data.
#[derive(Clone, Default, PartialEq, Eq)]
pub(super) struct Origin {
    /// The address.
    pub(super) address: Option<IpAddr>,
    /// The request's id.
    pub(super) request: Option<String>,
}

impl Origin {
    /// Returns the origin of a request behind `proxies` trusted proxies.
    pub(super) fn of(parts: &Parts, proxies: usize) -> Self {
        Self {
            address: address(parts, proxies),
            request: parts.extensions.get().map(|RequestId(id)| id.clone()),
        }
    }

    /// Returns the caller called `name` as the audit trail names it.
    pub(super) fn actor(&self, name: &str) -> Actor {
        Actor {
            name: name.to_owned(),
            address: self.address,
            request: self.request.clone(),
        }
    }
}

/// Returns the address of a request: the peer's, or the one that `proxies` trusted proxies forwarded.
pub(super) fn address(parts: &Parts, proxies: usize) -> Option<IpAddr> {
    let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>();
    let peer = peer.map(|ConnectInfo(peer)| peer.ip());
    // A header with fewer entries did not pass all proxies, so it is not believed.
    let said = proxies.checked_sub(1).and_then(|n| forwarded(&parts.headers, n));
    said.or(peer)
}

/// Returns the address `n` entries from the right of `X-Forwarded-For`.
fn forwarded(headers: &HeaderMap, n: usize) -> Option<IpAddr> {
    let values = headers.get_all("x-forwarded-for").iter();
    let entries: Vec<&str> = values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .collect();
    let entry = entries.iter().rev().nth(n)?;
    // Some proxies write the port too.
    entry
        .parse()
        .ok()
        .or_else(|| entry.parse().ok().map(|address: SocketAddr| address.ip()))
}
