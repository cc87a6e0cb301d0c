//! Audit events for reads of ids and persons.
//!
//! Equal reads (of one caller, address, act and object) make one event a minute. A page that reloads, or a caller with
//! a thousand reads a second, must not fill the ledger.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use lethe_common::ledger::{Act, Ledger, Object};

use crate::auth::Principal;
use crate::http::problem::Problem;

/// The time for which one event covers equal reads.
const STANDS: Duration = Duration::from_mins(1);

/// The most reads that are cached. Beyond it each read makes an event.
const MOST: usize = 4_096;

/// A read: the caller's name and address, the act, and the object.
type Reading = (String, Option<IpAddr>, Act, String);

/// Writes audit events for reads, one a minute for equal reads.
pub(crate) struct Readings {
    ledger: Ledger,
    noted: Noted,
}

impl Readings {
    pub(crate) fn new(ledger: Ledger) -> Self {
        Self {
            ledger,
            noted: Noted::default(),
        }
    }

    /// Writes an audit event before the caller learns ids or persons.
    ///
    /// # Errors
    /// If the ledger cannot write it. The request then fails, and the caller learns nothing.
    pub(crate) async fn note(&self, principal: &Principal, act: Act, object: Object<'_>) -> Result<(), Problem> {
        let by = principal.actor();
        let reading = (by.name.clone(), by.address, act, object.to_string());
        let now = Instant::now();
        if !self.noted.has(&reading, now) {
            self.ledger.note_reading(&by, act, object).await?;
            self.noted.add(reading, now);
        }
        Ok(())
    }
}

/// The reads of the last minute that have an event.
#[derive(Default)]
struct Noted(Mutex<HashMap<Reading, Instant>>);

impl Noted {
    fn has(&self, reading: &Reading, now: Instant) -> bool {
        let noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        noted.get(reading).is_some_and(|at| now.duration_since(*at) < STANDS)
    }

    fn add(&self, reading: Reading, now: Instant) {
        let mut noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if noted.len() >= MOST {
            noted.retain(|_, at| now.duration_since(*at) < STANDS);
        }
        if noted.len() < MOST {
            noted.insert(reading, now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reading_stands_for_others_like_it_for_a_minute() {
        let (noted, now) = (Noted::default(), Instant::now());
        let of = |name: &str| (name.to_owned(), None, Act::JobItems, "job/1".to_owned());
        noted.add(of("a"), now);
        assert!(noted.has(&of("a"), now + STANDS / 2));
        assert!(!noted.has(&of("b"), now));
        assert!(!noted.has(&of("a"), now + STANDS));
        for n in 0..2 * MOST {
            noted.add(of(&n.to_string()), now);
        }
        assert!(!noted.has(&of("x"), now));
        noted.add(of("x"), now + STANDS);
        assert!(noted.has(&of("x"), now + STANDS));
    }
}
