//! Who holds how many of the connections.

use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

use lethe_common::metrics::{self, Crowded};

use crate::http::limits::shares::{Full, Share, Shares};

/// The places of one listener.
#[derive(Debug)]
pub(super) struct Places {
    shares: Arc<Shares<IpAddr>>,
    by_address: bool,
}

/// A place, until it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    _share: Share<IpAddr>,
}

impl Places {
    pub(super) fn new(all: usize, by_address: bool) -> Self {
        Self {
            shares: Shares::new(all),
            by_address,
        }
    }

    /// Returns a place for a connection from `address`, or why there is none.
    pub(super) fn take(&self, address: IpAddr) -> Result<Place, Crowded> {
        let holder = self.by_address.then(|| network(address));
        let share = self.shares.take(holder).map_err(|full| match full {
            Full::All => Crowded::All,
            Full::Holder => Crowded::Address,
        })?;
        metrics::connection_opened();
        Ok(Place { _share: share })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        metrics::connection_closed();
    }
}

/// Returns what one caller has: an address, or of IPv6 the network that a household or a machine gets as a whole.
pub(crate) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_of_ipv6_is_one_caller() {
        let [one, other, next] =
            ["2001:db8::1", "2001:db8::ffff:2", "2001:db8:0:1::1"].map(|text| network(text.parse().unwrap()));
        assert!(one == other && one != next);
        assert_eq!(network("::ffff:10.0.0.1".parse().unwrap()), IpAddr::from([10, 0, 0, 1]));
    }
}
