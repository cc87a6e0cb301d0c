//! The connection slots of a listener, shared by address.

use std::net::IpAddr;
use std::sync::Arc;

use lethe_common::metrics::{self, Crowded};

use crate::http::limits::network::network;
use crate::http::limits::shares::{Full, Share, Shares};

/// The connection slots of one listener.
#[derive(Debug)]
pub(super) struct Places {
    shares: Arc<Shares<IpAddr>>,
    by_address: bool,
}

/// A connection slot, held until it is dropped.
#[derive(Debug)]
pub(super) struct ConnectionSlot {
    _share: Share<IpAddr>,
}

impl Places {
    pub(super) fn new(all: usize, by_address: bool) -> Self {
        Self {
            shares: Shares::new(all),
            by_address,
        }
    }

    /// Takes a slot for a connection from `address`, or returns why there is none.
    pub(super) fn take(&self, address: IpAddr) -> Result<ConnectionSlot, Crowded> {
        let holder = self.by_address.then(|| network(address));
        let share = self.shares.take(holder).map_err(|full| match full {
            Full::All => Crowded::All,
            Full::Holder => Crowded::Address,
        })?;
        metrics::connection_opened();
        Ok(ConnectionSlot { _share: share })
    }
}

impl Drop for ConnectionSlot {
    fn drop(&mut self) {
        metrics::connection_closed();
    }
}
