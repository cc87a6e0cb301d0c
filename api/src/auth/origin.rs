//! Where a request comes from.

use std::net::{IpAddr, SocketAddr};

use axum::extract::ConnectInfo;
use axum::http::HeaderMap;
use axum::http::request::Parts;

use crate::http::observe::RequestId;

/// Where a request comes from, as the audit trail tells it.
// No `Debug`: an address is personal.
#[derive(Clone, Default, PartialEq, Eq)]
pub(super) struct Origin {
    /// The address.
    pub(super) address: Option<IpAddr>,
    /// The request's id.
    pub(super) request: Option<String>,
}

impl Origin {
    /// Returns where a request comes from; `proxies` proxies are in front of us.
    pub(super) fn of(parts: &Parts, proxies: usize) -> Self {
        Self {
            address: address(parts, proxies),
            request: parts.extensions.get().map(|RequestId(id)| id.clone()),
        }
    }
}

/// Returns the address of a request: the peer's, or what `proxies` proxies in front of us saw.
pub(super) fn address(parts: &Parts, proxies: usize) -> Option<IpAddr> {
    let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>();
    let peer = peer.map(|ConnectInfo(peer)| peer.ip());
    // A header with fewer entries did not come through all of them.
    let said = proxies.checked_sub(1).and_then(|n| forwarded(&parts.headers, n));
    said.or(peer)
}

/// Returns the address that stands `n` entries from the right.
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
