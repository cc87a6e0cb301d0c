//! apalis' view of the ledger: a backend whose tasks are groups of leases.
//!
//! The claim loop fills a channel, and this backend hands its groups to apalis' workers. It keeps no state and
//! acknowledges and retries nothing. A group's outcome is in the ledger before its task ends. The leases of a group
//! that is lost here expire, and a worker claims them again.
//!
//! Facts about apalis 1.0. A worker outlives its backend's stream, so its `Monitor` stops it. All handlers of a
//! `Monitor` share one tokio task unless `parallelize(tokio::spawn)` is set. The panic and timeout layers leave a
//! task's status wrong, so the handler itself guards against both.

use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use apalis_core::backend::finalize::Ephemeral;
use apalis_core::backend::{Backend, BackendConfig};
use apalis_core::task::Task;
use apalis_core::task::task_id::RandomId;
use apalis_core::worker::context::WorkerContext;
use tokio::sync::mpsc;
use tower_layer::Identity;

/// A backend over a channel.
///
/// Clones share the channel, so a worker that a `Monitor` restarts reads from the same one.
#[derive(Debug)]
pub struct ChannelBackend<T> {
    receiver: Arc<Mutex<mpsc::Receiver<T>>>,
}

impl<T> ChannelBackend<T> {
    /// Returns a backend that hands out the items sent into the channel.
    pub fn new(receiver: mpsc::Receiver<T>) -> Self {
        Self {
            receiver: Arc::new(Mutex::new(receiver)),
        }
    }
}

impl<T> Clone for ChannelBackend<T> {
    fn clone(&self) -> Self {
        Self {
            receiver: Arc::clone(&self.receiver),
        }
    }
}

impl<T> Backend for ChannelBackend<T> {
    type Task = Task<T>;
    type Error = Infallible;

    fn poll_ready(&mut self, _: &mut Context<'_>, _: &WorkerContext) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn poll_next(&mut self, cx: &mut Context<'_>, _: &WorkerContext) -> Poll<Option<Result<Task<T>, Infallible>>> {
        // A panic while the lock is held cannot leave the receiver half changed.
        let mut receiver = self.receiver.lock().unwrap_or_else(PoisonError::into_inner);
        receiver
            .poll_recv(cx)
            .map(|group| group.map(|group| Ok(Task::new(group))))
    }

    fn poll_close(&mut self, _: &mut Context<'_>, _: &WorkerContext) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }
}

impl<T> BackendConfig for ChannelBackend<T> {
    type Args = T;
    type Id = RandomId;
    type Kind = Ephemeral;
    type Config = ();
    type Layer = Identity;

    fn config(&self) -> &() {
        &()
    }

    fn middleware(&mut self, _: &mut WorkerContext) -> Identity {
        Identity::new()
    }
}
