//! The bytes of the ids that an upload has read, and that are not in the ledger yet.

use crate::http::limits::body_bytes::Held;
use crate::http::problem::Problem;

/// The bytes beside its text that an id takes in a list: the head of a string, and the space that an allocator adds.
const BESIDE: usize = 64;

/// The most bytes that are taken from the budget before they are used.
const STEP: usize = 64 << 10;

/// The bytes from which on an upload writes what it has read.
// As many as ten thousand UUIDs take, the largest batch. With longer ids a batch is smaller.
const LARGE: usize = 2 << 20;

/// The bytes of the ids that an upload has read, and that are not in the ledger yet.
pub(super) struct Unwritten {
    /// The bytes of the budget, at least as many as are used.
    held: Held,
    used: usize,
    /// The bytes of the ids that were written last.
    written: usize,
}

impl Unwritten {
    pub(super) fn new(held: Held) -> Self {
        Self {
            held,
            used: 0,
            written: 0,
        }
    }

    /// Adds an id if there is room for it. Returns whether there was.
    pub(super) fn add(&mut self, id: &str) -> bool {
        let used = self.used + bytes(id);
        let missing = used.saturating_sub(self.held.bytes());
        // A small upload takes little, and a large one does not ask for each id.
        let step = missing.max(self.used.min(STEP));
        let has_room = missing == 0 || self.held.grow(step) || self.held.grow(missing);
        if has_room {
            self.used = used;
        }
        has_room
    }

    /// Adds an id, and waits for room for a short time. Nothing else may be unwritten.
    ///
    /// After a write it waits for more room than for the id. Otherwise uploads that wait for each other would write
    /// partitions of one id, each with its commit.
    ///
    /// # Errors
    /// 429 if there is no room.
    pub(super) async fn add_in_time(&mut self, id: &str) -> Result<(), Problem> {
        // Uploads that wait come first: this one has just given its bytes back.
        tokio::task::yield_now().await;
        let more = bytes(id);
        let room = self.written.saturating_mul(2).min(STEP);
        self.held.take(more.max(room)).await?;
        self.used += more;
        Ok(())
    }

    /// Returns whether the upload should write the ids.
    pub(super) fn is_large(&self) -> bool {
        self.used >= LARGE
    }

    /// Gives the bytes back: all ids are in the ledger.
    pub(super) fn clear(&mut self) {
        if self.used > 0 {
            self.written = self.used;
        }
        self.used = 0;
        self.held.clear();
    }
}

/// Returns the bytes of an id. A batch has it twice: in its list, and among the ids that were seen.
fn bytes(id: &str) -> usize {
    2 * (id.len() + BESIDE)
}

#[cfg(test)]
mod tests {
    use lethe_common::config::Api;

    use super::*;
    use crate::http::limits::places::Places;

    #[tokio::test]
    async fn an_upload_that_has_written_waits_for_a_batch() {
        const ID: &str = "id";
        let places = Places::new(&Api {
            max_body_bytes_in_flight: 1 << 20,
            ..Api::default()
        });
        let caller = places.of("a");
        let mut other = caller.body();
        // Another request leaves room for some ids.
        other.take((1 << 19) - 1_000).await.unwrap();
        let mut unwritten = Unwritten::new(caller.body());
        let first = std::iter::from_fn(|| unwritten.add(ID).then_some(())).count();
        assert_eq!(first, 1_000 / bytes(ID));
        unwritten.clear();
        {
            let mut waiting = Box::pin(unwritten.add_in_time(ID));
            for _ in 0..3 {
                let is_pending = futures::poll!(waiting.as_mut()).is_pending();
                assert!(
                    is_pending,
                    "there is room for one id, and not for twice as many as before"
                );
            }
            drop(other);
            waiting.await.unwrap();
        }
        assert_eq!(unwritten.held.bytes(), 2 * first * bytes(ID));
        // A large batch does not need as much room at once.
        while unwritten.used < LARGE / 8 {
            assert!(unwritten.add(ID));
        }
        unwritten.clear();
        unwritten.add_in_time(ID).await.unwrap();
        assert_eq!(unwritten.held.bytes(), STEP);
    }
}
