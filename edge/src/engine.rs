//! The engine of one collection behind a lock, and the guard against its panics.
//!
//! This module knows no gRPC. The engine panics where a server must not (a failed sync, a flush
//! beside an update), so every call into it goes through [`guarded`].

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
};

use qdrant_edge::{EdgeShard, OperationResult};

use crate::error::Failure;

/// The state of a collection's engine.
pub(crate) enum State {
    /// It serves.
    Open(Box<EdgeShard>),
    /// A write failed half way. Memory and disk may differ, so it answers no request.
    Broken,
    /// The collection is being deleted, or was. A restart may still find its points, so no answer says that they are gone.
    Leaving,
    /// The server is stopping.
    Closed,
}

/// Holds the engine for the readers and the writer.
///
/// Readers and the one writer share the read lock: the engine has locks of its own, and reads may
/// run beside an update. The write lock is only for replacing the engine.
pub(crate) struct Slot {
    name: String,
    state: RwLock<State>,
}

impl Slot {
    pub(crate) fn new(name: String, shard: EdgeShard) -> Self {
        let state = RwLock::new(State::Open(Box::new(shard)));
        Self { name, state }
    }

    /// Calls the engine.
    pub(crate) fn with<T>(&self, call: impl FnOnce(&EdgeShard) -> OperationResult<T>) -> Result<T, Failure> {
        match &*self.reading() {
            State::Open(shard) => guarded(|| call(shard)),
            State::Broken => Err(Failure::Broken(self.name.clone())),
            State::Leaving => Err(Failure::Leaving(self.name.clone())),
            State::Closed => Err(Failure::Stopping),
        }
    }

    /// Waits for the readers, drops the engine (which flushes it) and sets another state.
    pub(crate) fn replace(&self, make: impl FnOnce() -> State) {
        let mut state = self.writing();
        let old = std::mem::replace(&mut *state, State::Closed);
        // Dropping flushes, and flushing may panic. The next state must be set even then.
        let dropped = guarded(|| {
            drop(old);
            Ok(())
        });
        if dropped.is_err() {
            tracing::error!(collection = %self.name, "the engine failed while it was closed");
        }
        *state = make();
    }

    // A panic inside the engine is caught before it reaches a guard, so a poisoned lock means nothing.
    fn reading(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn writing(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Runs a call into the engine and turns a panic into a failure.
pub(crate) fn guarded<T>(call: impl FnOnce() -> OperationResult<T>) -> Result<T, Failure> {
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(result) => result.map_err(Failure::from),
        Err(_) => Err(Failure::Panicked),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_of_the_engine_is_a_failure() {
        let result: Result<(), Failure> = guarded(|| panic!("segments flushed"));
        assert!(matches!(result, Err(Failure::Panicked)));
    }
}
