//! The one writer of a collection: group commit and, at quiet times, compaction.
//!
//! The engine's `update` survives a kill only once `flush` has returned, and its `flush` panics
//! beside an update. So one thread applies all waiting writes, flushes once, and only then
//! answers. If the process dies before the flush, no caller was told that the writes are done, but
//! parts of them may be on disk.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError},
    },
    time::Duration,
};

use qdrant_edge::{EdgeShard, UpdateOperation};
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use crate::{
    compact,
    engine::{Slot, State, guarded},
    error::Failure,
    files,
};

/// The most writes that share one flush: bounds the wait of the first.
const GROUP: usize = 256;
/// The idle time before deleted data is removed by a copy: longer than the pauses inside one job.
const IDLE: Duration = Duration::from_secs(30);
/// The most live points per erased point for which a copy at a quiet time is worth it.
const LIVE_PER_ERASED: u64 = 20;
/// The bytes of log, beside twice the size of the points, above which the points are copied although
/// writes wait: sixteen of the engine's log files of 32 MiB.
const LOG_LIMIT: u64 = 512 * 1024 * 1024;

/// A write, with the facts that the writer needs.
pub(crate) struct Change {
    /// The engine's operation.
    pub(crate) operation: UpdateOperation,
    /// The number of distinct points that it inserts or replaces.
    pub(crate) upserted: u64,
    /// The most payloads that it changes.
    pub(crate) rewritten: u64,
    /// The length of the encoded request, in bytes.
    pub(crate) bytes: usize,
}

/// A queued write.
pub(crate) struct Write {
    pub(crate) change: Change,
    /// The channel to the caller, if the caller waits.
    pub(crate) done: Option<oneshot::Sender<Result<(), Failure>>>,
    /// Its share of the queue, given back with the answer.
    pub(crate) permit: OwnedSemaphorePermit,
}

/// The reason why the writer ends.
#[derive(Clone, Copy)]
pub(crate) enum Ending {
    /// The collection is being deleted.
    Leaving,
    /// The server is stopping.
    Closed,
}

/// A message to a writer.
pub(crate) enum Message {
    /// A change to apply.
    Write(Box<Write>),
    /// The last message.
    Close(Ending),
}

/// The thread that writes.
pub(crate) struct Writer {
    name: String,
    directory: PathBuf,
    generation: u64,
    slot: Arc<Slot>,
    queue: Receiver<Message>,
    points: u64,
    erased: u64,
    marked: bool,
    log_bytes: u64,
    log_limit: u64,
}

impl Writer {
    pub(crate) fn new(
        name: &str,
        directory: &Path,
        generation: u64,
        slot: Arc<Slot>,
        queue: Receiver<Message>,
    ) -> Self {
        let mut writer = Self {
            name: name.to_owned(),
            directory: directory.to_owned(),
            generation,
            slot,
            queue,
            points: 0,
            erased: 0,
            marked: false,
            log_bytes: 0,
            log_limit: 0,
        };
        writer.measure();
        writer
    }

    /// Serves the queue until it is closed.
    pub(crate) fn run(mut self) {
        // Data that was deleted before a restart must not be on disk after it.
        if self.marked || self.log_bytes > self.log_limit {
            self.compact();
        }
        let ending = self.serve();
        self.slot.replace(|| match ending {
            Ending::Leaving => State::Leaving,
            Ending::Closed => State::Closed,
        });
    }

    fn serve(&mut self) -> Ending {
        loop {
            let first = match self.queue.recv_timeout(IDLE) {
                Ok(message) => message,
                Err(RecvTimeoutError::Timeout) => {
                    if worth_copying(self.erased, self.points) {
                        self.compact();
                    }
                    continue;
                }
                Err(RecvTimeoutError::Disconnected) => return Ending::Closed,
            };
            let mut ending = None;
            let mut group = Vec::new();
            let mut next = Some(first);
            while let Some(message) = next.take() {
                match message {
                    Message::Write(write) => group.push(*write),
                    Message::Close(how) => ending = Some(how),
                }
                if group.len() < GROUP && ending.is_none() {
                    next = self.queue.try_recv().ok();
                }
            }
            self.commit(group);
            if let Some(ending) = ending {
                return ending;
            }
            if self.log_bytes > self.log_limit {
                self.compact();
            }
        }
    }

    /// Applies a group, flushes, and answers.
    fn commit(&mut self, group: Vec<Write>) {
        let mut answers = Vec::with_capacity(group.len());
        let mut upserted = 0;
        let mut rewritten = 0;
        let mut panicked = false;
        for Write { change, done, permit } in group {
            upserted += change.upserted;
            rewritten += change.rewritten;
            self.log_bytes += change.bytes as u64;
            let applied = if panicked {
                Err(Failure::Broken(self.name.clone()))
            } else {
                self.slot.with(|shard| shard.update(change.operation))
            };
            panicked |= matches!(applied, Err(Failure::Panicked));
            answers.push((done, permit, applied));
        }
        let flushed = if panicked {
            Err(Failure::Panicked)
        } else {
            self.flush(upserted, rewritten)
        };
        if let Err(failure) = &flushed {
            // After a failed sync the content of the disk is unknown. Only a restart reads it again.
            let already = matches!(failure, Failure::Broken(_));
            if !already {
                let cause = failure.cause();
                tracing::error!(collection = %self.name, cause, "a write failed halfway: restart the server");
                self.slot.replace(|| State::Broken);
            }
        }
        for (done, permit, applied) in answers {
            let answer = match &flushed {
                Ok(()) => applied,
                Err(failure) => applied.and_then(|()| Err(failure.clone())),
            };
            drop(permit);
            match done {
                // The caller may have stopped waiting.
                Some(done) => drop(done.send(answer)),
                None if answer.is_err() => {
                    tracing::warn!(collection = %self.name, "a write without a waiting caller failed");
                }
                None => {}
            }
        }
    }

    fn flush(&mut self, upserted: u64, rewritten: u64) -> Result<(), Failure> {
        let points = self.slot.with(|shard| Ok(shard.info().points_count as u64))?;
        // An upsert that did not add a point replaced one, and a missing point was deleted. Both leave their
        // data in the files.
        let erased = (self.points + upserted).saturating_sub(points) + rewritten;
        self.points = points;
        self.erased += erased;
        if erased > 0 && !self.marked {
            // The mark comes before the flush, so a flushed deletion always has its mark.
            self.mark()?;
        }
        self.slot.with(|shard| {
            shard.flush();
            Ok(())
        })
    }

    fn mark(&mut self) -> io::Result<()> {
        let shard = files::shard(&self.directory, self.generation);
        File::create(shard.join(files::ERASED))?.sync_all()?;
        files::sync(&shard)?;
        self.marked = true;
        Ok(())
    }

    /// Copies the live points into a new engine, which replaces this one.
    fn compact(&mut self) {
        let started = std::time::Instant::now();
        let Err(failure) = self.copy_and_swap() else {
            let seconds = started.elapsed().as_secs_f64();
            tracing::info!(collection = %self.name, points = self.points, seconds, "collection compacted");
            return;
        };
        // Unless it is broken now, the old engine serves on and nothing is lost. The next try comes after
        // the same amount of log or deletions again.
        tracing::warn!(collection = %self.name, cause = failure.cause(), "collection could not be compacted");
        self.log_bytes = 0;
        self.erased = 0;
    }

    fn copy_and_swap(&mut self) -> Result<(), Failure> {
        let building = self.directory.join(files::BUILDING);
        let next = files::shard(&self.directory, self.generation + 1);
        let written = files::make_empty(&building)
            .map_err(Failure::from)
            .and_then(|()| self.slot.with(|shard| compact::copy(shard, &building)))
            .and_then(|()| files::sync_tree(&building).map_err(Failure::from))
            .and_then(|()| fs::rename(&building, &next).map_err(Failure::from));
        if let Err(failure) = written {
            files::remove(&building)?;
            return Err(failure);
        }
        // From here on a restart opens the new directory, so the old one must not be used again.
        let synced = files::sync(&self.directory);
        self.slot
            .replace(|| match (synced, guarded(|| EdgeShard::load(&next, None))) {
                (Ok(()), Ok(shard)) => State::Open(Box::new(shard)),
                _ => State::Broken,
            });
        self.slot.with(|_| Ok(()))?;
        files::remove(&files::shard(&self.directory, self.generation))?;
        self.generation += 1;
        self.measure();
        Ok(())
    }

    fn measure(&mut self) {
        let shard = files::shard(&self.directory, self.generation);
        self.points = self
            .slot
            .with(|shard| Ok(shard.info().points_count as u64))
            .unwrap_or(0);
        self.erased = 0;
        self.marked = shard.join(files::ERASED).exists();
        self.log_bytes = files::bytes(&shard.join("wal"));
        self.log_limit = LOG_LIMIT + 2 * files::bytes(&shard.join("segments"));
    }
}

fn worth_copying(erased: u64, live: u64) -> bool {
    erased > 0 && erased.saturating_mul(LIVE_PER_ERASED) >= live
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_at_a_quiet_time_must_be_worth_it() {
        for (erased, live, worth) in [
            (0, 0, false),
            (1, 0, true),
            (1, 20, true),
            (1, 21, false),
            (500, 10_000, true),
        ] {
            assert_eq!(worth_copying(erased, live), worth, "{erased} of {live}");
        }
    }
}
