//! One collection: its engine, its writer, and the way of requests to them.
//!
//! Reads run on the blocking pool. Writes are queued for the collection's one writer (see
//! [`crate::writer`]). If the process dies, no queued write was acknowledged with `wait`.

use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError, mpsc},
    thread::JoinHandle,
};

use qdrant_edge::{EdgeConfig, EdgeShard, OperationResult};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use crate::{
    engine::{Slot, State, guarded},
    error::Failure,
    files,
    writer::{Change, Ending, Message, Write, Writer},
};

/// The largest request, in bytes: Qdrant's clients send batches of up to some tens of megabytes.
pub(crate) const MESSAGE_LIMIT: usize = 64 * 1024 * 1024;
/// The most bytes of encoded requests in all write queues together: twice the largest message.
const QUEUED_BYTES: usize = 2 * MESSAGE_LIMIT;
/// The bytes of one permit, because a semaphore counts in `u32`.
const PERMIT_BYTES: usize = 1024;
/// The reads that run at once: a few for each core, because each may hold a whole answer in memory.
const READERS: usize = 16;

/// The limits that all collections of a store share.
#[derive(Clone)]
pub(crate) struct Limits {
    queued: Arc<Semaphore>,
    readers: Arc<Semaphore>,
}

impl Limits {
    pub(crate) fn new() -> Self {
        Self {
            queued: Arc::new(Semaphore::new(QUEUED_BYTES / PERMIT_BYTES)),
            readers: Arc::new(Semaphore::new(READERS)),
        }
    }

    async fn queue(&self, bytes: usize) -> Result<OwnedSemaphorePermit, Failure> {
        // One more permit than the bytes fill bounds the number of small requests too.
        let permits = (bytes / PERMIT_BYTES + 1).min(QUEUED_BYTES / PERMIT_BYTES);
        let permits = u32::try_from(permits).map_err(|_| Failure::Exhausted("request too large".to_owned()))?;
        let acquired = Arc::clone(&self.queued).acquire_many_owned(permits).await;
        acquired.map_err(|_| Failure::Stopping)
    }
}

/// One served collection.
pub(crate) struct Collection {
    config: EdgeConfig,
    slot: Arc<Slot>,
    queue: mpsc::Sender<Message>,
    writer: Mutex<Option<JoinHandle<()>>>,
    limits: Limits,
}

impl Collection {
    /// Opens the collection in `directory` and starts its writer.
    pub(crate) fn open(name: &str, directory: &Path, limits: Limits) -> Result<Self, Failure> {
        let newest = files::newest_shard(directory)?;
        let generation = newest.ok_or_else(|| Failure::Engine("no engine directory in it".to_owned()))?;
        let path = files::shard(directory, generation);
        let shard = guarded(|| EdgeShard::load(&path, None))?;
        let config = shard.config().clone();

        let slot = Arc::new(Slot::new(name.to_owned(), shard));
        let (queue, waiting) = mpsc::channel();
        let writer = Writer::new(name, directory, generation, Arc::clone(&slot), waiting);
        let thread = std::thread::Builder::new().name("edge-writer".to_owned());
        let writer = Mutex::new(Some(thread.spawn(move || writer.run())?));
        Ok(Self {
            config,
            slot,
            queue,
            writer,
            limits,
        })
    }

    /// Returns the configuration the collection was created with.
    pub(crate) fn config(&self) -> &EdgeConfig {
        &self.config
    }

    /// Runs a read on the blocking pool.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        call: impl FnOnce(&EdgeShard) -> OperationResult<T> + Send + 'static,
    ) -> Result<T, Failure> {
        let permit = Arc::clone(&self.limits.readers).acquire_owned().await;
        let permit = permit.map_err(|_| Failure::Stopping)?;
        let slot = Arc::clone(&self.slot);
        let read = tokio::task::spawn_blocking(move || {
            // The permit stays with the work, which goes on if the caller hangs up.
            let _permit = permit;
            slot.with(call)
        });
        read.await.map_err(|_| Failure::Panicked)?
    }

    /// Queues a write and, if `wait` is set, waits until it is on disk.
    ///
    /// # Cancel safety
    /// A queued write is applied, even if the caller leaves. A write that still waits for room is not.
    pub(crate) async fn write(&self, change: Change, wait: bool) -> Result<(), Failure> {
        let permit = self.limits.queue(change.bytes).await?;
        let (done, answer) = oneshot::channel();
        let done = wait.then_some(done);
        let write = Write { change, done, permit };
        let queued = self.queue.send(Message::Write(Box::new(write)));
        if queued.is_err() {
            // The writer is gone, and the slot knows the reason.
            return self.slot.with(|_| Ok(())).and(Err(Failure::Stopping));
        }
        if !wait {
            return Ok(());
        }
        match answer.await {
            Ok(result) => result,
            Err(_) => self.slot.with(|_| Ok(())).and(Err(Failure::Stopping)),
        }
    }

    /// Returns whether an earlier write failed halfway.
    pub(crate) fn is_broken(&self) -> bool {
        matches!(self.slot.with(|_| Ok(())), Err(Failure::Broken(_)))
    }

    /// Makes a closed collection broken, for the callers that still hold it.
    pub(crate) fn breaks(&self) {
        self.slot.replace(|| State::Broken);
    }

    /// Applies and flushes the queued writes, and closes the engine. Blocks.
    pub(crate) fn close(&self, ending: Ending) {
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(writer) = writer.take() else {
            return;
        };
        let asked = self.queue.send(Message::Close(ending));
        if asked.is_err() || writer.join().is_err() {
            tracing::error!("the writer of a collection ended without a request");
        }
    }
}
