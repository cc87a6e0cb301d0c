//! The two connections to Redis: their channel names, their time limits, and their state.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use redis::{ErrorKind, RedisError};
use tokio::sync::watch;

use super::{DoorbellState, Ring};
use crate::metrics::{self, Dependency};

/// The first character of a message about a job that has not ended.
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

    /// Returns the ring in a message. An unreadable message means: look at everything.
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

/// The time limits and waits of a connection.
#[derive(Debug, Clone, Copy)]
pub(super) struct Timing {
    /// The time limit for a connection, and for an answer.
    pub(super) answer: Duration,
    /// The time between two pings: a half-open connection reports no error by itself.
    pub(super) ping: Duration,
    /// The first wait before a reconnection; it doubles, jittered.
    pub(super) base: Duration,
    /// The longest wait before a reconnection.
    pub(super) cap: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            // A doorbell slower than polling is useless.
            answer: Duration::from_secs(1),
            // A dead connection is found within about 6 s. Workers poll meanwhile.
            ping: Duration::from_secs(5),
            base: Duration::from_millis(100),
            // Keeps a fleet from storming a Redis that just came back, and still reconnects soon.
            cap: Duration::from_secs(5),
        }
    }
}

/// A backoff that doubles, jittered between half and all of the nominal time.
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

/// Runs `call` with the time limit for an answer.
pub(super) async fn answered<T>(
    timing: Timing,
    call: impl Future<Output = redis::RedisResult<T>>,
) -> redis::RedisResult<T> {
    match tokio::time::timeout(timing.answer, call).await {
        Ok(result) => result,
        Err(_) => Err(RedisError::from((ErrorKind::Io, "no answer in time"))),
    }
}

/// The shortest time between two log lines about outages, however often the connection changes.
const LOG_EVERY: Duration = Duration::from_mins(1);

/// Whether the two connections work.
#[derive(Debug, Default)]
pub(super) struct Links {
    state: watch::Sender<DoorbellState>,
    logged: Mutex<Logged>,
}

/// The outages that were logged.
#[derive(Debug, Default)]
struct Logged {
    last: Option<Instant>,
    /// Whether the end of an outage still has to be logged.
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

    /// Logs an outage, at most once a minute.
    // The line has only the kind of the error: its text may hold the URL's secrets.
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
