//! Breakers: a target whose store is down is left alone for a while, then pinged, then asked by one partition.
//!
//! Without one, every partition of that target would be claimed, would fail and be released, over
//! and over. The ping comes first since it takes no slot, and a partition would wait for its time limit where a store
//! hangs. A breaker lives in its worker; it forgets when the worker dies, which costs one probe.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use lethe_common::error_code::ErrorCode;
use tokio::sync::Notify;

use crate::backoff;

/// Whether a target may be worked on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Allowed {
    /// As usual.
    Yes,
    /// After its stores answer a ping.
    Ping,
    /// By one partition, to see whether its stores are back.
    Probe,
    /// Not before the pause is over.
    No,
}

#[derive(Debug, Clone, Copy)]
struct Tripped {
    /// What a call met last.
    code: ErrorCode,
    failures: u32,
    pause: Duration,
    /// Until when an open breaker leaves the target alone.
    until: Option<Instant>,
    trial: Trial,
}

/// How far an open breaker has come in finding out whether the stores are back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trial {
    /// They are to be pinged.
    Ping,
    /// They answered a ping: a partition may try them.
    Answered,
    /// A partition is out to try them.
    Partition,
}

/// The breakers of all targets.
#[derive(Debug)]
pub(crate) struct Breakers {
    after: u32,
    first_pause: Duration,
    longest_pause: Duration,
    tripped: Mutex<HashMap<String, Tripped>>,
    fell_ill: Notify,
}

impl Breakers {
    pub(crate) fn new(after: u32, first_pause: Duration, longest_pause: Duration) -> Self {
        Self {
            after,
            first_pause,
            longest_pause,
            tripped: Mutex::default(),
            fell_ill: Notify::new(),
        }
    }

    pub(crate) fn allowed(&self, target: &str, now: Instant) -> Allowed {
        let all = self.lock();
        let Some((tripped, until)) = all.get(target).and_then(|tripped| Some((tripped, tripped.until?))) else {
            return Allowed::Yes;
        };
        match tripped.trial {
            _ if until > now => Allowed::No,
            Trial::Ping => Allowed::Ping,
            Trial::Answered | Trial::Partition => Allowed::Probe,
        }
    }

    /// Returns whether a partition of another target may ask a store of this one: not while it is left alone.
    pub(crate) fn may_ask(&self, target: &str, now: Instant) -> bool {
        matches!(self.allowed(target, now), Allowed::Yes | Allowed::Probe)
    }

    /// Returns for how long a target is left alone as yet.
    pub(crate) fn pause(&self, target: &str, now: Instant) -> Duration {
        let all = self.lock();
        let until = all.get(target).and_then(|tripped| tripped.until);
        let left = until.map(|until| until.saturating_duration_since(now));
        left.unwrap_or_default().max(self.first_pause)
    }

    /// Notes that the stores are being pinged: not again until a pause has passed without a word of it.
    pub(crate) fn pings(&self, target: &str, now: Instant) {
        if let Some(tripped) = self.lock().get_mut(target) {
            tripped.until = Some(now + tripped.pause);
        }
    }

    /// Notes whether the stores answered the ping: then a partition may try them.
    pub(crate) fn pinged(&self, target: &str, answered: bool, now: Instant) {
        if let Some(tripped) = self.lock().get_mut(target)
            && tripped.until.is_some()
        {
            if answered {
                tripped.trial = Trial::Answered;
                tripped.until = Some(now);
            } else {
                self.wait_longer(tripped, now);
            }
        }
    }

    /// Notes that a partition was claimed as a probe: no other is, until it fails or a pause has
    /// passed without a word of it.
    pub(crate) fn probes(&self, target: &str, now: Instant) {
        if let Some(tripped) = self.lock().get_mut(target) {
            tripped.trial = Trial::Partition;
            tripped.until = Some(now + tripped.pause);
        }
    }

    /// Notes that nothing of the target was due to probe it. A breaker whose stores answered the ping closes, so that
    /// the next partition need not wait; the target stays ill, and its first failure opens the breaker again.
    pub(crate) fn idles(&self, target: &str, now: Instant) {
        if let Some(tripped) = self.lock().get_mut(target)
            && tripped.until.is_some()
        {
            match tripped.trial {
                Trial::Ping => {}
                Trial::Answered => {
                    tripped.trial = Trial::Ping;
                    tripped.until = None;
                }
                // There may be word of the last one yet.
                Trial::Partition => tripped.until = Some(now + tripped.pause),
            }
        }
    }

    /// Notes that a partition learnt nothing of the stores; returns whether another may try them at once.
    pub(crate) fn learnt_nothing(&self, target: &str, now: Instant) -> bool {
        let mut all = self.lock();
        let probe = all.get_mut(target).filter(|tripped| tripped.trial == Trial::Partition);
        if let Some(tripped) = probe {
            tripped.trial = Trial::Answered;
            tripped.until = Some(now);
            return true;
        }
        false
    }

    /// Notes that a store of the target was out of reach of a call; returns how long to leave it alone.
    pub(crate) fn failed(&self, target: &str, code: ErrorCode, now: Instant) -> Duration {
        self.fail(target, code, 1, now)
    }

    /// Notes that a store of the target answers nobody; returns how long to leave it alone.
    pub(crate) fn went_down(&self, target: &str, code: ErrorCode, now: Instant) -> Duration {
        self.fail(target, code, self.after, now)
    }

    /// Notes that a call to a store of the target took too long, though the store answers.
    pub(crate) fn was_slow(&self, target: &str, code: ErrorCode) {
        self.trip(&mut self.lock(), target, code);
    }

    /// Returns what a call met last for the stores' sake, if no call of the target has succeeded since.
    pub(crate) fn illness(&self, target: &str) -> Option<ErrorCode> {
        self.lock().get(target).map(|tripped| tripped.code)
    }

    /// Waits until a target has another [illness](Self::illness) than before. One may wait.
    pub(crate) async fn fell_ill(&self) {
        self.fell_ill.notified().await;
    }

    /// Returns whether no call of the target has succeeded since one failed for its stores' sake.
    pub(crate) fn is_ill(&self, target: &str) -> bool {
        self.illness(target).is_some()
    }

    fn trip<'a>(&self, all: &'a mut HashMap<String, Tripped>, target: &str, code: ErrorCode) -> &'a mut Tripped {
        if all.get(target).is_none_or(|tripped| tripped.code != code) {
            self.fell_ill.notify_one();
        }
        let tripped = all.entry(target.to_owned()).or_insert(Tripped {
            code,
            failures: 0,
            pause: self.first_pause,
            until: None,
            trial: Trial::Ping,
        });
        tripped.code = code;
        tripped
    }

    fn fail(&self, target: &str, code: ErrorCode, failures: u32, now: Instant) -> Duration {
        let mut all = self.lock();
        let tripped = self.trip(&mut all, target, code);
        // It was open, and closed for want of a probe only.
        let again = tripped.failures >= self.after;
        tripped.failures = tripped.failures.saturating_add(failures);
        if tripped.failures < self.after {
            return self.first_pause;
        }
        match tripped.until {
            // Calls that were under way when it opened say nothing new.
            Some(until) if until > now && tripped.trial != Trial::Partition => until - now,
            Some(_) => self.wait_longer(tripped, now),
            None if again => self.wait_longer(tripped, now),
            None => {
                tripped.until = Some(now + tripped.pause);
                tripped.pause
            }
        }
    }

    fn wait_longer(&self, tripped: &mut Tripped, now: Instant) -> Duration {
        tripped.trial = Trial::Ping;
        tripped.pause = backoff::longer(tripped.pause, self.longest_pause);
        tripped.until = Some(now + tripped.pause);
        tripped.pause
    }

    /// Notes that a target's stores did what a partition asked; returns whether that closed its breaker.
    // Partitions that were under way when it opened may have needed one store only, and the other is down.
    pub(crate) fn succeeded(&self, target: &str) -> bool {
        let mut all = self.lock();
        match all.get(target) {
            Some(tripped) if tripped.until.is_some() && tripped.trial != Trial::Partition => false,
            Some(_) => all.remove(target).is_some_and(|tripped| tripped.until.is_some()),
            None => false,
        }
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
mod tests;
