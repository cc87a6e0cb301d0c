//! Breakers: a target whose store is down is left alone for a while, then asked by one partition.
//!
//! Without one, every partition of that target would be claimed, would fail and be released, over
//! and over. A breaker lives in its worker; it forgets when the worker dies, which costs one probe.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Whether a target may be worked on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Allowed {
    /// As usual.
    Yes,
    /// By one partition, to see whether its stores are back.
    Probe,
    /// Not before the pause is over.
    No,
}

#[derive(Debug, Clone, Copy)]
struct Tripped {
    failures: u32,
    pause: Duration,
    until: Option<Instant>,
    /// Whether a partition is out to see whether the stores are back.
    probing: bool,
}

/// The breakers of all targets.
#[derive(Debug)]
pub(crate) struct Breakers {
    after: u32,
    first_pause: Duration,
    longest_pause: Duration,
    tripped: Mutex<HashMap<String, Tripped>>,
}

impl Breakers {
    pub(crate) fn new(after: u32, first_pause: Duration, longest_pause: Duration) -> Self {
        Self {
            after,
            first_pause,
            longest_pause,
            tripped: Mutex::default(),
        }
    }

    pub(crate) fn allowed(&self, target: &str, now: Instant) -> Allowed {
        match self.lock().get(target).and_then(|tripped| tripped.until) {
            None => Allowed::Yes,
            Some(until) if until <= now => Allowed::Probe,
            Some(_) => Allowed::No,
        }
    }

    /// Notes that a partition was claimed as a probe: no other is, until it fails or a pause has
    /// passed without a word of it.
    pub(crate) fn probes(&self, target: &str, now: Instant) {
        if let Some(tripped) = self.lock().get_mut(target) {
            tripped.probing = true;
            tripped.until = Some(now + tripped.pause);
        }
    }

    /// Notes that a store of the target is out of reach; returns how long to leave it alone.
    pub(crate) fn failed(&self, target: &str, now: Instant) -> Duration {
        let mut all = self.lock();
        let tripped = all.entry(target.to_owned()).or_insert(Tripped {
            failures: 0,
            pause: self.first_pause,
            until: None,
            probing: false,
        });
        tripped.failures += 1;
        if tripped.failures < self.after {
            return self.first_pause;
        }
        match tripped.until {
            // Calls that were under way when it opened say nothing new.
            Some(until) if until > now && !tripped.probing => until - now,
            Some(_) => {
                tripped.probing = false;
                tripped.pause = (tripped.pause * 2).min(self.longest_pause);
                tripped.until = Some(now + tripped.pause);
                tripped.pause
            }
            None => {
                tripped.until = Some(now + tripped.pause);
                tripped.pause
            }
        }
    }

    /// Notes that a target's stores answered; returns whether its breaker was open.
    pub(crate) fn succeeded(&self, target: &str) -> bool {
        self.lock()
            .remove(target)
            .is_some_and(|tripped| tripped.until.is_some())
    }

    pub(crate) fn is_open(&self, target: &str) -> bool {
        self.lock().get(target).is_some_and(|tripped| tripped.until.is_some())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Tripped>> {
        // Each change is one assignment: nothing is half done if a thread panicked.
        self.tripped.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_breaker_opens_probes_and_closes() {
        let breakers = Breakers::new(2, SECOND, 3 * SECOND);
        let start = Instant::now();
        breakers.failed("main", start);
        assert_eq!(breakers.allowed("main", start), Allowed::Yes, "one failure is none");
        assert_eq!(breakers.failed("main", start), SECOND);
        assert_eq!(breakers.allowed("main", start), Allowed::No);
        assert_eq!(breakers.allowed("other", start), Allowed::Yes);
        assert_eq!(breakers.allowed("main", start + SECOND), Allowed::Probe);
        assert!(breakers.succeeded("main"));
        assert_eq!(breakers.allowed("main", start), Allowed::Yes);
    }

    #[test]
    fn one_partition_probes_at_a_time() {
        let breakers = Breakers::new(1, SECOND, 3 * SECOND);
        let start = Instant::now();
        breakers.failed("main", start);
        let probed = start + SECOND;
        assert_eq!(breakers.allowed("main", probed), Allowed::Probe);
        breakers.probes("main", probed);
        assert_eq!(breakers.allowed("main", probed), Allowed::No, "one is on its way");
        assert_eq!(
            breakers.allowed("main", probed + SECOND),
            Allowed::Probe,
            "nothing was heard of it"
        );
        assert_eq!(breakers.failed("main", probed), 2 * SECOND, "it says something new");
        assert_eq!(breakers.failed("main", probed), 2 * SECOND, "a second one does not");
    }

    #[test]
    fn a_failing_probe_doubles_the_pause_up_to_its_cap() {
        let breakers = Breakers::new(1, SECOND, 3 * SECOND);
        let start = Instant::now();
        assert_eq!(breakers.failed("main", start), SECOND);
        assert_eq!(
            breakers.failed("main", start),
            SECOND,
            "a call that was under way does not count"
        );
        assert_eq!(breakers.failed("main", start + SECOND), 2 * SECOND);
        assert_eq!(breakers.failed("main", start + 3 * SECOND), 3 * SECOND);
    }
}
