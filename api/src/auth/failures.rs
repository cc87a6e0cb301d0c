//! The limit of failed authentications per address.
//!
//! The counts are only in memory. Each process has its own, and a restart clears them.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::http::request::Parts;

use super::origin::address;
use crate::http::limits::network::network;

/// The time over which the limit counts.
const MINUTE: Duration = Duration::from_mins(1);

/// The most addresses with a count of their own; some megabytes. Beyond it new addresses share one count.
const MOST: usize = 65_536;

/// The source of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Source {
    /// The address is not known, or too many addresses have a count already.
    Unknown,
    /// An IPv4 address, or the network of an IPv6 address that one household or machine gets as a whole.
    Address(IpAddr),
}

impl Source {
    /// Returns the source of a request: the peer, or the address that `proxies` trusted proxies forwarded.
    pub(super) fn of(parts: &Parts, proxies: usize) -> Self {
        address(parts, proxies).map_or(Self::Unknown, Self::address)
    }

    fn address(address: IpAddr) -> Self {
        Self::Address(network(address))
    }
}

/// The failed authentications, by source.
pub(super) struct Failures {
    /// The time after which one failure expires.
    each: Duration,
    /// The times at which all failures of a source have expired.
    until: Mutex<HashMap<Source, Instant>>,
}

impl Failures {
    pub(super) fn new(per_minute: u32) -> Self {
        Self {
            each: MINUTE / per_minute.max(1),
            until: Mutex::default(),
        }
    }

    /// Counts a failure at `now`, unless it is given back.
    ///
    /// # Errors
    /// The time until the next failure is allowed, if there were too many.
    pub(super) fn take(self: &Arc<Self>, source: Source, now: Instant) -> Result<Failure, Duration> {
        let mut all = self.all();
        if all.len() >= MOST {
            all.retain(|_, until| *until > now);
        }
        let source = if all.len() >= MOST && !all.contains_key(&source) {
            Source::Unknown
        } else {
            source
        };
        let until = all.get(&source).copied().unwrap_or(now).max(now) + self.each;
        match until.checked_duration_since(now + MINUTE) {
            Some(wait) if !wait.is_zero() => Err(wait),
            _ => {
                all.insert(source, until);
                Ok(Failure {
                    failures: Arc::clone(self),
                    source,
                    is_kept: false,
                })
            }
        }
    }

    fn all(&self) -> MutexGuard<'_, HashMap<Source, Instant>> {
        self.until.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A failure that was counted in advance. A drop gives it back: the credentials did not fail, or were not checked.
#[must_use = "a drop gives the failure back"]
pub(super) struct Failure {
    failures: Arc<Failures>,
    /// The source that was charged. It is not the caller's while too many addresses have a count.
    source: Source,
    is_kept: bool,
}

impl Failure {
    /// Keeps the failure in the count, because the credentials were wrong.
    pub(super) fn keep(mut self) {
        self.is_kept = true;
    }
}

impl Drop for Failure {
    fn drop(&mut self) {
        if self.is_kept {
            return;
        }
        if let Some(until) = self.failures.all().get_mut(&self.source) {
            *until = until.checked_sub(self.failures.each).unwrap_or(*until);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use axum::extract::ConnectInfo;
    use axum::http::Request;

    use super::*;

    fn of(peer: Option<&str>, forwarded: &[&str], proxies: usize) -> Source {
        let mut request = Request::builder();
        for value in forwarded {
            request = request.header("x-forwarded-for", *value);
        }
        let (mut parts, ()) = request.body(()).unwrap().into_parts();
        if let Some(peer) = peer {
            let peer: SocketAddr = peer.parse().unwrap();
            parts.extensions.insert(ConnectInfo(peer));
        }
        Source::of(&parts, proxies)
    }

    fn address(text: &str) -> Source {
        Source::Address(text.parse().unwrap())
    }

    /// Counts a failure of wrong credentials.
    fn fail(failures: &Arc<Failures>, source: Source, now: Instant) -> Result<(), Duration> {
        failures.take(source, now).map(Failure::keep)
    }

    #[test]
    fn a_header_is_believed_as_far_as_proxies_are_trusted() {
        let peer = Some("10.0.0.1:5000");
        assert_eq!(of(None, &["1.1.1.1"], 0), Source::Unknown);
        assert_eq!(of(peer, &["1.1.1.1"], 0), address("10.0.0.1"));
        assert_eq!(of(peer, &["9.9.9.9, 1.1.1.1"], 1), address("1.1.1.1"));
        assert_eq!(of(peer, &["9.9.9.9", "1.1.1.1:80, 10.0.0.2"], 2), address("1.1.1.1"));
        assert_eq!(of(peer, &["1.1.1.1"], 2), address("10.0.0.1"));
        assert_eq!(of(peer, &["unknown"], 1), address("10.0.0.1"));
        assert_eq!(of(Some("[::ffff:10.0.0.1]:1"), &[], 0), address("10.0.0.1"));
        assert_eq!(of(Some("[2001:db8:1:2:3:4:5:6]:1"), &[], 0), address("2001:db8:1:2::"));
    }

    #[test]
    fn so_many_failures_are_taken_and_what_did_not_fail_is_given_back() {
        const HALF: Duration = Duration::from_secs(30);
        let (failures, now) = (Arc::new(Failures::new(2)), Instant::now());
        let (one, other) = (address("1.1.1.1"), address("2.2.2.2"));
        let in_advance = failures.take(one, now).unwrap();
        assert!(fail(&failures, one, now).is_ok());
        assert_eq!(fail(&failures, one, now), Err(HALF));
        assert_eq!(fail(&failures, one, now + HALF / 2), Err(HALF / 2));
        assert!(fail(&failures, other, now).is_ok());
        drop(in_advance);
        assert!(fail(&failures, one, now).is_ok() && fail(&failures, one, now).is_err());
        // One failure expires after half a minute, both after a minute. There is never room for more than two.
        let later = now + HALF;
        assert!(fail(&failures, one, later).is_ok() && fail(&failures, one, later).is_err());
        let much_later = now + MINUTE * 60;
        assert!(fail(&failures, one, much_later).is_ok() && fail(&failures, one, much_later).is_ok());
        assert_eq!(fail(&failures, one, much_later), Err(HALF));
    }

    #[test]
    fn addresses_beyond_those_remembered_share_one_count_until_some_are_forgotten() {
        let (failures, now) = (Arc::new(Failures::new(1)), Instant::now());
        for n in 0..u32::try_from(MOST).unwrap() {
            let source = Source::address(IpAddr::from(n.to_be_bytes()));
            assert!(fail(&failures, source, now).is_ok());
        }
        // Each is given back to the shared count, from which it was taken.
        for last in 0..3 {
            let source = Source::address(IpAddr::from([200, 0, 1, last]));
            assert!(failures.take(source, now).is_ok(), "{last}");
        }
        assert!(fail(&failures, address("200.0.0.1"), now).is_ok());
        assert!(fail(&failures, address("200.0.0.2"), now).is_err());
        assert!(failures.all().len() <= MOST + 1);
        assert!(fail(&failures, address("200.0.0.2"), now + MINUTE).is_ok());
        assert_eq!(failures.all().len(), 1);
    }
}
