//! Who holds how many of the connections.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};

use lethe_common::metrics::{self, Crowded};

/// The places of one listener.
///
/// An address gets another while it holds fewer than are free (a dynamic threshold; Choudhury and Hahne, 1998): alone it
/// may take half of all, and however many addresses take what they can, a part is left for who comes next.
#[derive(Debug)]
pub(super) struct Places {
    all: usize,
    by_address: bool,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    all: usize,
    by: HashMap<IpAddr, usize>,
}

/// A place, until it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    places: Arc<Places>,
    network: IpAddr,
}

impl Places {
    pub(super) fn new(all: usize, by_address: bool) -> Arc<Self> {
        Arc::new(Self {
            all,
            by_address,
            taken: Mutex::default(),
        })
    }

    /// Returns a place for a connection from `address`, or why there is none.
    pub(super) fn take(self: &Arc<Self>, address: IpAddr) -> Result<Place, Crowded> {
        let network = network(address);
        let mut taken = self.lock();
        let free = self.all.saturating_sub(taken.all);
        let held = taken.by.get(&network).copied().unwrap_or(0);
        if free == 0 {
            return Err(Crowded::All);
        }
        if self.by_address && held >= free {
            return Err(Crowded::Address);
        }
        taken.all += 1;
        *taken.by.entry(network).or_default() += 1;
        metrics::connections(taken.all);
        drop(taken);
        Ok(Place {
            places: Arc::clone(self),
            network,
        })
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Taken> {
        // Nothing panics between the two counts.
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.lock();
        taken.all -= 1;
        if let Some(held) = taken.by.get_mut(&self.network) {
            *held -= 1;
            if *held == 0 {
                taken.by.remove(&self.network);
            }
        }
        metrics::connections(taken.all);
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

    fn address(n: u8) -> IpAddr {
        IpAddr::from([10, 0, 0, n])
    }

    /// Takes as many places as one address can get.
    fn all_of(places: &Arc<Places>, n: u8) -> Vec<Place> {
        std::iter::from_fn(|| places.take(address(n)).ok()).collect()
    }

    #[test]
    fn whoever_takes_what_he_can_leaves_some_for_the_next() {
        let places = Places::new(1_000, true);
        let held: Vec<Vec<Place>> = (0..10).map(|n| all_of(&places, n)).collect();
        let counts: Vec<usize> = held.iter().map(Vec::len).collect();
        assert_eq!(counts[..4], [500, 250, 125, 63]);
        assert_eq!(places.take(address(0)).unwrap_err(), Crowded::Address);
        assert!(places.take(address(77)).is_ok());
    }

    #[test]
    fn a_place_is_free_again_when_its_connection_is_gone() {
        let places = Places::new(4, true);
        let mut held = all_of(&places, 1);
        assert_eq!(held.len(), 2);
        held.pop();
        held.extend(places.take(address(1)));
        assert_eq!(held.len(), 2);
        drop(held);
        assert_eq!(all_of(&places, 2).len(), 2);
        assert!(places.lock().by.is_empty(), "who holds nothing is not kept");
    }

    #[test]
    fn behind_a_proxy_one_address_may_have_all() {
        let places = Places::new(4, false);
        let held = all_of(&places, 1);
        assert_eq!(held.len(), 4);
        assert_eq!(places.take(address(2)).unwrap_err(), Crowded::All);
    }

    #[test]
    fn a_network_of_ipv6_is_one_caller() {
        let [one, other, next] =
            ["2001:db8::1", "2001:db8::ffff:2", "2001:db8:0:1::1"].map(|text| network(text.parse().unwrap()));
        assert!(one == other && one != next);
        assert_eq!(network("::ffff:10.0.0.1".parse().unwrap()), address(1));
    }
}
