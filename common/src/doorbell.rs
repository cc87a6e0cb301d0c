//! The doorbell: messages that say "look in the ledger".
//!
//! A ring is a notification. It may be lost, repeated, reordered or forged: it only causes a look. So nothing
//! here is an error to a caller, nothing is stored, and a ring carries at most a job's id. Within the process
//! rings go through a channel. With Redis they are also published, and other processes' rings are received.
//! A listener that may have missed rings gets [`Ring::Everything`] instead.
//!
//! If the process dies here, unpublished rings are lost. Workers then find the work by polling.

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

/// The most rings that a slow listener may be behind. Beyond it the listener gets one ring for everything.
/// At 16 bytes each this is little memory, and more than a burst of small jobs needs.
const BACKLOG: usize = 4096;

/// A notification: the part of the ledger that a listener should look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Ring {
    /// There may be due work.
    Work,
    /// A job made progress, and has not ended.
    Progress(JobId),
    /// A job changed, and may have ended.
    Changed(JobId),
    /// Rings may have been lost, or could not be read: look at everything you wait for.
    Everything,
}

impl Ring {
    /// Returns whether a worker should look for due work.
    pub fn means_work(self) -> bool {
        matches!(self, Self::Work | Self::Everything)
    }

    /// Returns whether a watcher of `job` should look at it.
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

/// Whether rings reach other processes now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DoorbellState {
    /// Whether this process publishes its rings.
    pub publishing: bool,
    /// Whether this process receives the rings of other processes.
    pub listening: bool,
    /// The duration of the last answer.
    pub latency: Option<Duration>,
}

impl DoorbellState {
    /// Returns whether both directions work.
    pub fn is_up(self) -> bool {
        self.publishing && self.listening
    }
}

/// The doorbell's URL is not a Redis URL.
#[derive(Debug, thiserror::Error)]
#[error("the doorbell's URL must be of the form redis://host:port")]
pub struct InvalidUrl;

/// The doorbell. Clones share one doorbell; it stops with the last clone.
#[derive(Debug, Clone)]
pub struct Doorbell(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    rings: broadcast::Sender<Ring>,
    wire: Option<Wire>,
}

/// The connection to other processes.
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
    /// An invalid URL, which a checked configuration never has.
    pub fn open(config: &config::Doorbell) -> Result<Self, InvalidUrl> {
        match &config.url {
            None => Ok(Self::local()),
            Some(url) => Self::redis(url, &config.prefix),
        }
    }

    /// Returns a doorbell that works only within this process.
    pub fn local() -> Self {
        Self(Arc::new(Shared {
            rings: broadcast::Sender::new(BACKLOG),
            wire: None,
        }))
    }

    /// Returns a doorbell that all processes with the same Redis and prefix share.
    ///
    /// It returns at once. Connections are made in the background, with any number of retries. Must be
    /// called within a Tokio runtime.
    ///
    /// # Errors
    ///
    /// An invalid URL. An unreachable Redis is no error.
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
        // The tasks end with the last clone of the doorbell, not with the shutdown of the process: the last
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

    /// Notifies all listeners, here at once and elsewhere soon. It never waits and never fails.
    pub fn ring(&self, ring: Ring) {
        // An error means that this process has no listener, which is fine.
        drop(self.0.rings.send(ring));
        if let Some(wire) = &self.0.wire {
            wire.outbox.add(ring);
        }
    }

    /// Returns a listener that receives all rings from now on.
    pub fn subscribe(&self) -> Listener {
        Listener {
            rings: self.0.rings.subscribe(),
            _doorbell: self.clone(),
        }
    }

    /// Returns whether other processes may hear its rings.
    pub fn is_shared(&self) -> bool {
        self.0.wire.is_some()
    }

    /// Returns whether rings reach other processes. A doorbell without Redis is always up.
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

/// Receives rings.
#[derive(Debug)]
pub struct Listener {
    rings: broadcast::Receiver<Ring>,
    // Rings from Redis arrive as long as a listener exists.
    _doorbell: Doorbell,
}

impl Listener {
    /// Forgets the rings that have come. The caller looks at everything next.
    pub fn skip(&mut self) {
        self.rings = self.rings.resubscribe();
    }

    /// Waits for the next ring.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses no ring.
    pub async fn recv(&mut self) -> Ring {
        match self.rings.recv().await {
            Ok(ring) => ring,
            Err(RecvError::Lagged(_)) => {
                // The look at everything covers the rings that are still in the channel.
                self.rings = self.rings.resubscribe();
                Ring::Everything
            }
            // The listener holds the doorbell, so the channel stays open. If it closed, silence would be better
            // than looking at everything in a tight loop.
            Err(RecvError::Closed) => std::future::pending().await,
        }
    }
}
