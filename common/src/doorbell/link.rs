//! The two connections to Redis: their names, their patience, and whether they work.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use redis::{ErrorKind, RedisError};
use tokio::sync::watch;

use super::{DoorbellState, Ring};
use crate::metrics::{self, Dependency};

/// What a message about a job that has not ended begins with.
const PROGRESS: char = '+';

/// The names of the channels.
#[derive(Debug, Clone)]
pub(super) struct Channels {
    pub(super) work: String,
    pub(super) changed: String,
}

impl Channels {
    pub(super) fn new(prefix: &str) -> Self {
        Self {
            work: format!("{prefix}:work"),
            changed: format!("{prefix}:changed"),
        }
    }

    /// Returns what a message says: whatever cannot be read is a reason to look.
    pub(super) fn read(&self, channel: &str, payload: &[u8]) -> Ring {
        if channel == self.work {
            return Ring::Work;
        }
        let text = std::str::from_utf8(payload).unwrap_or_default();
        let ring = match text.strip_prefix(PROGRESS) {
            Some(job) => job.parse().map(Ring::Progress),
            None => text.parse().map(Ring::Changed),
        };
        ring.unwrap_or(Ring::Everything)
    }

    /// Returns the message about a job, or about everything.
    pub(super) fn write(ring: Ring) -> String {
        match ring {
            Ring::Progress(job) => format!("{PROGRESS}{job}"),
            Ring::Changed(job) => job.to_string(),
            Ring::Work | Ring::Everything => String::new(),
        }
    }
}

/// How long things may take.
#[derive(Debug, Clone, Copy)]
pub(super) struct Timing {
    /// Until a connection is there, and until an answer is.
    pub(super) answer: Duration,
    /// Between two pings: a half-open connection says nothing by itself.
    pub(super) ping: Duration,
    /// The first wait before connecting again; it doubles, jittered.
    pub(super) base: Duration,
    /// The longest wait before connecting again.
    pub(super) cap: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            // A doorbell that is slower than polling is no use.
            answer: Duration::from_secs(1),
            // A dead connection is found within about 6 s, in which workers poll.
            ping: Duration::from_secs(5),
            base: Duration::from_millis(100),
            // So that a fleet does not storm a Redis that just came back, and is back soon.
            cap: Duration::from_secs(5),
        }
    }
}

/// Waits that double, between half and all of the nominal time.
#[derive(Debug)]
pub(super) struct Backoff {
    next: Duration,
    timing: Timing,
}

impl Backoff {
    pub(super) fn new(timing: Timing) -> Self {
        Self {
            next: timing.base,
            timing,
        }
    }

    pub(super) fn reset(&mut self) {
        self.next = self.timing.base;
    }

    pub(super) async fn wait(&mut self) {
        tokio::time::sleep(self.next.mul_f64(rand::random_range(0.5..=1.0))).await;
        self.next = (self.next * 2).min(self.timing.cap);
    }
}

/// Runs `call`, and counts too long a silence as a failure.
pub(super) async fn answered<T>(
    timing: Timing,
    call: impl Future<Output = redis::RedisResult<T>>,
) -> redis::RedisResult<T> {
    match tokio::time::timeout(timing.answer, call).await {
        Ok(result) => result,
        Err(_) => Err(RedisError::from((ErrorKind::Io, "no answer in time"))),
    }
}

/// How often an outage is logged, however often the connection comes and goes.
const LOG_EVERY: Duration = Duration::from_mins(1);

/// Whether the two connections work.
#[derive(Debug, Default)]
pub(super) struct Links {
    state: watch::Sender<DoorbellState>,
    logged: Mutex<Logged>,
}

/// What was said about outages.
#[derive(Debug, Default)]
struct Logged {
    last: Option<Instant>,
    /// Whether its end is still to be said.
    outage: bool,
}

impl Links {
    pub(super) fn state(&self) -> DoorbellState {
        *self.state.borrow()
    }

    #[cfg(test)]
    pub(super) fn watch(&self) -> watch::Receiver<DoorbellState> {
        self.state.subscribe()
    }

    pub(super) fn set(&self, change: impl FnOnce(&mut DoorbellState)) {
        let before = self.state();
        self.state.send_modify(change);
        let state = self.state();
        metrics::dependency(Dependency::Doorbell, state.is_up(), state.latency);
        if state.is_up() && !before.is_up() && std::mem::take(&mut self.log().outage) {
            tracing::info!("the doorbell reaches other processes again");
        }
    }

    /// Logs an outage, now and then.
    // Only the kind of the error: its text may hold what the URL holds.
    pub(super) fn warn(&self, error: &RedisError) {
        let mut log = self.log();
        if log.last.is_none_or(|at| at.elapsed() >= LOG_EVERY) {
            *log = Logged {
                last: Some(Instant::now()),
                outage: true,
            };
            tracing::warn!(
                error.kind = error.category(),
                "the doorbell does not reach other processes; work is found by polling"
            );
        }
    }

    fn log(&self) -> MutexGuard<'_, Logged> {
        self.logged.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
