//! Circuit breakers: a target whose store is down is paused, then pinged, then probed by one partition.
//!
//! Without one, a worker would claim, fail and release every partition of that target, over and over. The ping comes
//! first since it takes no slot. A partition takes one, and waits for its time limit if the store hangs. A breaker
//! lives in its worker's memory: a restart loses it, which costs one probe.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
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

/// The partition whose work says something about a target's stores.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Caller {
    /// It was claimed as a probe of this target, in the trial of this number.
    Probe(u64),
    /// It was claimed while the breaker was closed, or works on another target.
    Other,
}

#[derive(Debug, Clone, Copy)]
struct Tripped {
    /// The error of the last failed call.
    code: ErrorCode,
    failures: u32,
    pause: Duration,
    /// The end of the pause, if the breaker is open.
    until: Option<Instant>,
    trial: Trial,
}

/// The progress of an open breaker in finding out whether the stores are back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trial {
    /// The stores are to be pinged.
    Ping,
    /// The stores answered a ping: a partition may try them.
    Answered,
    /// A partition is trying the stores. The number tells it from the probes of earlier trials: one of them may have
    /// closed the breaker, and work on for hours.
    Partition(u64),
}

impl Tripped {
    /// Returns whether a partition is the probe of the present trial.
    fn is_tried_by(&self, caller: Caller) -> bool {
        matches!((self.trial, caller), (Trial::Partition(trial), Caller::Probe(probe)) if trial == probe)
    }
}

/// The breakers of all targets.
#[derive(Debug)]
pub(crate) struct Breakers {
    after: u32,
    first_pause: Duration,
    longest_pause: Duration,
    tripped: Mutex<HashMap<String, Tripped>>,
    /// The number of trials so far, of all targets.
    trials: AtomicU64,
    fell_ill: Notify,
}

impl Breakers {
    pub(crate) fn new(after: u32, first_pause: Duration, longest_pause: Duration) -> Self {
        Self {
            after,
            first_pause,
            longest_pause,
            tripped: Mutex::default(),
            trials: AtomicU64::default(),
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
            Trial::Answered | Trial::Partition(_) => Allowed::Probe,
        }
    }

    /// Returns whether other targets' partitions may ask its stores: if it is closed or ready to probe.
    pub(crate) fn may_ask(&self, target: &str, now: Instant) -> bool {
        matches!(self.allowed(target, now), Allowed::Yes | Allowed::Probe)
    }

    /// Returns the rest of a target's pause, and at least the first pause.
    pub(crate) fn pause(&self, target: &str, now: Instant) -> Duration {
        let all = self.lock();
        let until = all.get(target).and_then(|tripped| tripped.until);
        let left = until.map(|until| until.saturating_duration_since(now));
        left.unwrap_or_default().max(self.first_pause)
    }

    /// Notes that a ping is under way. Without a result, the next one follows after a pause.
    pub(crate) fn pings(&self, target: &str, now: Instant) {
        if let Some(tripped) = self.lock().get_mut(target) {
            tripped.until = Some(now + tripped.pause);
        }
    }

    /// Notes the result of the ping. If the stores answered, a partition may try them.
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

    /// Notes that a partition was claimed as a probe. The next one follows after it fails, or after a pause without its
    /// result. Returns the number of its trial, or `None` if the breaker has closed meanwhile.
    pub(crate) fn probes(&self, target: &str, now: Instant) -> Option<u64> {
        let mut all = self.lock();
        let tripped = all.get_mut(target).filter(|tripped| tripped.until.is_some())?;
        let trial = match tripped.trial {
            // The last probe may only be slow. With a new number each time, no slow probe could close the breaker.
            Trial::Partition(trial) => trial,
            Trial::Ping | Trial::Answered => self.trials.fetch_add(1, Ordering::Relaxed),
        };
        tripped.trial = Trial::Partition(trial);
        tripped.until = Some(now + tripped.pause);
        Some(trial)
    }

    /// Notes that the target has no due partition as a probe. If its stores answered the ping, the breaker closes and
    /// the next partition runs at once. The target stays ill: its first failure opens the breaker again.
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
                // The last probe may still report.
                Trial::Partition(_) => tripped.until = Some(now + tripped.pause),
            }
        }
    }

    /// Notes that a probe learnt nothing about the stores. Returns whether another may try them at once.
    pub(crate) fn learnt_nothing(&self, target: &str, caller: Caller, now: Instant) -> bool {
        let mut all = self.lock();
        let probe = all.get_mut(target).filter(|tripped| tripped.is_tried_by(caller));
        if let Some(tripped) = probe {
            tripped.trial = Trial::Answered;
            tripped.until = Some(now);
            return true;
        }
        false
    }

    /// Notes that a call could not reach a store of the target. Returns the pause.
    pub(crate) fn failed(&self, target: &str, caller: Caller, code: ErrorCode, now: Instant) -> Duration {
        self.fail(target, caller, code, 1, now)
    }

    /// Notes that a store of the target answers no call, which opens the breaker. Returns the pause.
    pub(crate) fn went_down(&self, target: &str, caller: Caller, code: ErrorCode, now: Instant) -> Duration {
        self.fail(target, caller, code, self.after, now)
    }

    /// Notes that a call to a store of the target took too long, though the store answers.
    pub(crate) fn was_slow(&self, target: &str, code: ErrorCode) {
        self.trip(&mut self.lock(), target, code);
    }

    /// Returns the last error that the stores caused, if no call of the target has succeeded since.
    pub(crate) fn illness(&self, target: &str) -> Option<ErrorCode> {
        self.lock().get(target).map(|tripped| tripped.code)
    }

    /// Waits until a target has a new [illness](Self::illness). Only one caller may wait at a time.
    pub(crate) async fn fell_ill(&self) {
        self.fell_ill.notified().await;
    }

    /// Returns whether the stores caused an error and no call of the target has succeeded since.
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

    fn fail(&self, target: &str, caller: Caller, code: ErrorCode, failures: u32, now: Instant) -> Duration {
        let mut all = self.lock();
        let tripped = self.trip(&mut all, target, code);
        // The breaker was open before, and closed only because no partition was due as a probe.
        let again = tripped.failures >= self.after;
        tripped.failures = tripped.failures.saturating_add(failures);
        if tripped.failures < self.after {
            return self.first_pause;
        }
        match (tripped.until, tripped.trial) {
            // While a probe is under way, only its own calls say something new.
            (Some(until), Trial::Partition(_)) if !tripped.is_tried_by(caller) => until.saturating_duration_since(now),
            // Calls that were under way when it opened say nothing new.
            (Some(until), Trial::Ping | Trial::Answered) if until > now => until - now,
            (Some(_), _) => self.wait_longer(tripped, now),
            (None, _) if again => self.wait_longer(tripped, now),
            (None, _) => {
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

    /// Notes that a target's stores served a partition. Returns whether that closed its breaker.
    // A partition that started before the present trial may have used one store, while the other one is down.
    pub(crate) fn succeeded(&self, target: &str, caller: Caller) -> bool {
        let mut all = self.lock();
        let Some(tripped) = all.get(target) else { return false };
        let is_open = tripped.until.is_some();
        if is_open && !tripped.is_tried_by(caller) {
            return false;
        }
        all.remove(target);
        is_open
    }

    pub(crate) fn is_open(&self, target: &str) -> bool {
        self.lock().get(target).is_some_and(|tripped| tripped.until.is_some())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Tripped>> {
        // No change can panic halfway, so the data of a poisoned lock is valid.
        self.tripped.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
