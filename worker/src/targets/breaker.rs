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
use lethe_common::job::StoreKind;
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

/// The role of a partition in the trials of a target's breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TrialRole {
    /// It was claimed as a probe of this target, in the trial of this number.
    Probe(u64),
    /// It was claimed while the breaker was closed, or works on another target.
    Other,
}

/// The error of a failed call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Failure {
    /// The code.
    pub(crate) code: ErrorCode,
    /// The store that failed, if the error tells it.
    pub(crate) store: Option<StoreKind>,
}

#[derive(Debug, Clone, Copy)]
struct Tripped {
    /// The last failed call.
    last: Failure,
    /// The time of the first failed call.
    since: Instant,
    failures: u32,
    pause: Duration,
    /// The end of the pause, if the breaker is open.
    until: Option<Instant>,
    trial: Trial,
}

/// The progress of an open breaker in finding out whether the stores are back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trial {
    /// The stores are to be pinged. The number tells this trial's pings from those of earlier trials: such a ping may be
    /// answered late, after the breaker has closed and opened again.
    Ping(u64),
    /// The stores answered a ping: a partition may try them.
    Answered,
    /// A partition is trying the stores. The number tells it from the probes of earlier trials: one of them may have
    /// closed the breaker, and work on for hours.
    Partition(u64),
}

impl Tripped {
    /// Returns whether a partition is the probe of the present trial.
    fn is_tried_by(&self, role: TrialRole) -> bool {
        matches!((self.trial, role), (Trial::Partition(trial), TrialRole::Probe(probe)) if trial == probe)
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
            Trial::Ping(_) => Allowed::Ping,
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

    /// Notes that a ping is under way. Without a result, the next one follows after a pause. Returns the number of its
    /// trial, or `None` if no ping is needed any more.
    pub(crate) fn pings(&self, target: &str, now: Instant) -> Option<u64> {
        let mut all = self.lock();
        let tripped = all.get_mut(target).filter(|tripped| tripped.until.is_some())?;
        let Trial::Ping(trial) = tripped.trial else { return None };
        tripped.until = Some(now + tripped.pause);
        Some(trial)
    }

    /// Notes the result of a ping of a trial. If the stores answered, a partition may try them.
    pub(crate) fn pinged(&self, target: &str, trial: u64, answered: bool, now: Instant) {
        if let Some(tripped) = self.lock().get_mut(target)
            && tripped.until.is_some()
            && tripped.trial == Trial::Ping(trial)
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
            Trial::Ping(_) | Trial::Answered => self.next_trial(),
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
                Trial::Ping(_) => {}
                Trial::Answered => {
                    tripped.trial = Trial::Ping(self.next_trial());
                    tripped.until = None;
                }
                // The last probe may still report.
                Trial::Partition(_) => tripped.until = Some(now + tripped.pause),
            }
        }
    }

    /// Notes that a probe learnt nothing about the stores. Returns whether another may try them at once.
    pub(crate) fn learnt_nothing(&self, target: &str, role: TrialRole, now: Instant) -> bool {
        let mut all = self.lock();
        let probe = all.get_mut(target).filter(|tripped| tripped.is_tried_by(role));
        if let Some(tripped) = probe {
            tripped.trial = Trial::Answered;
            tripped.until = Some(now);
            return true;
        }
        false
    }

    /// Notes that a call could not reach a store of the target. Returns the pause.
    pub(crate) fn failed(&self, target: &str, role: TrialRole, failure: Failure, now: Instant) -> Duration {
        self.fail(target, role, failure, 1, now)
    }

    /// Notes that a store of the target answers no call, which opens the breaker. Returns the pause.
    pub(crate) fn went_down(&self, target: &str, role: TrialRole, failure: Failure, now: Instant) -> Duration {
        self.fail(target, role, failure, self.after, now)
    }

    /// Notes that a call to a store of the target took too long, though the store answers.
    pub(crate) fn was_slow(&self, target: &str, failure: Failure) {
        self.trip(&mut self.lock(), target, failure);
    }

    /// Returns the last error that the stores caused, if no call of the target has succeeded since.
    pub(crate) fn illness(&self, target: &str) -> Option<ErrorCode> {
        self.lock().get(target).map(|tripped| tripped.last.code)
    }

    /// Returns for how long a target has had an [illness](Self::illness), and the rest of its pause if its breaker is
    /// open.
    pub(crate) fn course(&self, target: &str, now: Instant) -> Option<(Duration, Option<Duration>)> {
        let all = self.lock();
        let tripped = all.get(target)?;
        let left = tripped.until.map(|until| until.saturating_duration_since(now));
        Some((now.saturating_duration_since(tripped.since), left))
    }

    /// Waits until a target has a new [illness](Self::illness). Only one caller may wait at a time.
    pub(crate) async fn fell_ill(&self) {
        self.fell_ill.notified().await;
    }

    /// Returns whether the stores caused an error and no call of the target has succeeded since.
    pub(crate) fn is_ill(&self, target: &str) -> bool {
        self.illness(target).is_some()
    }

    fn trip<'a>(&self, all: &'a mut HashMap<String, Tripped>, target: &str, last: Failure) -> &'a mut Tripped {
        if all.get(target).is_none_or(|tripped| tripped.last.code != last.code) {
            self.fell_ill.notify_one();
        }
        let tripped = all.entry(target.to_owned()).or_insert_with(|| Tripped {
            last,
            since: Instant::now(),
            failures: 0,
            pause: self.first_pause,
            until: None,
            trial: Trial::Ping(self.next_trial()),
        });
        tripped.last = last;
        tripped
    }

    fn fail(&self, target: &str, role: TrialRole, last: Failure, failures: u32, now: Instant) -> Duration {
        let mut all = self.lock();
        let tripped = self.trip(&mut all, target, last);
        // The breaker was open before, and closed only because no partition was due as a probe.
        let again = tripped.failures >= self.after;
        tripped.failures = tripped.failures.saturating_add(failures);
        if tripped.failures < self.after {
            return self.first_pause;
        }
        match (tripped.until, tripped.trial) {
            // While a probe is under way, only its own calls say something new.
            (Some(until), Trial::Partition(_)) if !tripped.is_tried_by(role) => until.saturating_duration_since(now),
            // Calls that were under way when it opened say nothing new.
            (Some(until), Trial::Ping(_) | Trial::Answered) if until > now => until - now,
            (Some(_), _) => self.wait_longer(tripped, now),
            (None, _) if again => self.wait_longer(tripped, now),
            (None, _) => {
                tripped.until = Some(now + tripped.pause);
                tripped.pause
            }
        }
    }

    fn wait_longer(&self, tripped: &mut Tripped, now: Instant) -> Duration {
        tripped.trial = Trial::Ping(self.next_trial());
        tripped.pause = backoff::longer(tripped.pause, self.longest_pause);
        tripped.until = Some(now + tripped.pause);
        tripped.pause
    }

    fn next_trial(&self) -> u64 {
        self.trials.fetch_add(1, Ordering::Relaxed)
    }

    /// Notes that a target's stores served a partition. Returns whether that closed its breaker.
    // A partition that started before the present trial may have used one store, while the other one is down.
    pub(crate) fn succeeded(&self, target: &str, role: TrialRole) -> bool {
        let mut all = self.lock();
        let Some(tripped) = all.get(target) else { return false };
        let is_open = tripped.until.is_some();
        if is_open && !tripped.is_tried_by(role) {
            return false;
        }
        all.remove(target);
        is_open
    }

    /// Returns whether the breaker of a target is open because of this store: the last failed call names it, or names
    /// none.
    pub(crate) fn is_open(&self, target: &str, store: StoreKind) -> bool {
        let all = self.lock();
        let Some(tripped) = all.get(target) else { return false };
        tripped.until.is_some() && tripped.last.store.is_none_or(|failed| failed == store)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Tripped>> {
        // No change can panic halfway, so the data of a poisoned lock is valid.
        self.tripped.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
