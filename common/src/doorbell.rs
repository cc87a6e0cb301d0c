//! The doorbell: messages that say "look in the ledger".
//!
//! A ring may be lost, repeated, reordered or forged; all it ever causes is a look. So nothing here
//! is an error to a caller, nothing is stored, and no ring carries more than a job's id. Within the
//! process a ring is a channel's message; with Redis it is also published, and what others publish
//! is heard. Whoever may have missed rings hears [`Ring::Everything`] instead of them.
//!
//! If the process dies here, rings that were not published yet are lost: workers poll.

mod link;
mod listen;
mod outbox;
mod publish;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;
use tokio_util::task::AbortOnDropHandle;

use crate::config;
use crate::job::JobId;
use link::{Channels, Links, Timing};
use outbox::Outbox;

/// How many rings a slow listener may be behind before it is told to look at everything instead.
/// At 16 bytes each this is little memory, and more than a burst of small jobs needs.
const BACKLOG: usize = 4096;

/// What a listener is told to look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Ring {
    /// There may be due work.
    Work,
    /// A job moved on, and has not ended.
    Progress(JobId),
    /// A job changed, and may have ended.
    Changed(JobId),
    /// Rings may have been lost, or could not be read: look at whatever you wait for.
    Everything,
}

impl Ring {
    /// Returns whether a worker should look for due work.
    pub fn means_work(self) -> bool {
        matches!(self, Self::Work | Self::Everything)
    }

    /// Returns whether one who watches `job` should look at it.
    pub fn concerns(self, job: JobId) -> bool {
        match self {
            Self::Work => false,
            Self::Progress(changed) | Self::Changed(changed) => changed == job,
            Self::Everything => true,
        }
    }

    /// Returns whether `job` may have ended.
    pub fn may_end(self, job: JobId) -> bool {
        !matches!(self, Self::Progress(_)) && self.concerns(job)
    }
}

/// Whether rings reach other processes at the moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DoorbellState {
    /// Whether this process' rings are published.
    pub publishing: bool,
    /// Whether other processes' rings are heard.
    pub listening: bool,
    /// How long the last answer took.
    pub latency: Option<Duration>,
}

impl DoorbellState {
    /// Returns whether both directions work.
    pub fn is_up(self) -> bool {
        self.publishing && self.listening
    }
}

/// The doorbell's URL is not one of Redis.
#[derive(Debug, thiserror::Error)]
#[error("the doorbell's URL must be of the form redis://host:port")]
pub struct InvalidUrl;

/// The doorbell. Clones are the same doorbell; it falls silent with the last one.
#[derive(Debug, Clone)]
pub struct Doorbell(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    rings: broadcast::Sender<Ring>,
    wire: Option<Wire>,
}

/// What reaches other processes.
#[derive(Debug)]
struct Wire {
    outbox: Arc<Outbox>,
    links: Arc<Links>,
    _tasks: [AbortOnDropHandle<()>; 2],
}

impl Doorbell {
    /// Returns the doorbell that the configuration describes; see [`Doorbell::redis`].
    ///
    /// # Errors
    ///
    /// An invalid URL, which a checked configuration does not hold.
    pub fn open(config: &config::Doorbell) -> Result<Self, InvalidUrl> {
        match &config.url {
            None => Ok(Self::local()),
            Some(url) => Self::redis(url, &config.prefix),
        }
    }

    /// Returns a doorbell that is heard only within this process.
    pub fn local() -> Self {
        Self(Arc::new(Shared {
            rings: broadcast::Sender::new(BACKLOG),
            wire: None,
        }))
    }

    /// Returns a doorbell that is heard wherever the same Redis and prefix are used.
    ///
    /// It returns at once: connections are made in the background, as often as it takes. Must be
    /// called within a Tokio runtime.
    ///
    /// # Errors
    ///
    /// An invalid URL; never that Redis is away.
    pub fn redis(url: &SecretString, prefix: &str) -> Result<Self, InvalidUrl> {
        Self::with_timing(url, prefix, Timing::default())
    }

    fn with_timing(url: &SecretString, prefix: &str, timing: Timing) -> Result<Self, InvalidUrl> {
        let client = redis::Client::open(url.expose_secret()).map_err(|_| InvalidUrl)?;
        let rings = broadcast::Sender::new(BACKLOG);
        let channels = Channels::new(prefix);
        let (outbox, links) = (Arc::new(Outbox::default()), Arc::new(Links::default()));
        let publish = publish::run(
            client.clone(),
            channels.clone(),
            Arc::clone(&outbox),
            Arc::clone(&links),
            timing,
        );
        let listen = listen::run(client, channels, rings.clone(), Arc::clone(&links), timing);
        // They end with the last clone of the doorbell, not with the process' shutdown: the last
        // rings of a draining worker are worth sending.
        let tasks = [tokio::spawn(publish), tokio::spawn(listen)].map(AbortOnDropHandle::new);
        Ok(Self(Arc::new(Shared {
            rings,
            wire: Some(Wire {
                outbox,
                links,
                _tasks: tasks,
            }),
        })))
    }

    /// Tells whoever listens, here at once and elsewhere soon. It never waits and never fails.
    pub fn ring(&self, ring: Ring) {
        // An error says that nobody listens here, which is fine.
        drop(self.0.rings.send(ring));
        if let Some(wire) = &self.0.wire {
            wire.outbox.add(ring);
        }
    }

    /// Returns a listener that hears what is rung from now on.
    pub fn subscribe(&self) -> Listener {
        Listener {
            rings: self.0.rings.subscribe(),
            _doorbell: self.clone(),
        }
    }

    /// Returns whether other processes are reached; a doorbell without Redis always is up.
    pub fn state(&self) -> DoorbellState {
        match &self.0.wire {
            None => DoorbellState {
                publishing: true,
                listening: true,
                latency: None,
            },
            Some(wire) => wire.links.state(),
        }
    }
}

/// Hears rings.
#[derive(Debug)]
pub struct Listener {
    rings: broadcast::Receiver<Ring>,
    // Rings from Redis are heard as long as somebody listens.
    _doorbell: Doorbell,
}

impl Listener {
    /// Waits for the next ring.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses no ring.
    pub async fn recv(&mut self) -> Ring {
        match self.rings.recv().await {
            Ok(ring) => ring,
            Err(RecvError::Lagged(_)) => {
                // The rings that are still there are among what will be looked at.
                self.rings = self.rings.resubscribe();
                Ring::Everything
            }
            // The listener holds the doorbell, so this does not happen; if it did, a look at
            // everything in a tight loop would be worse than silence.
            Err(RecvError::Closed) => std::future::pending().await,
        }
    }
}
