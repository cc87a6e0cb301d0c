//! The byte budget of request bodies in memory, shared fairly by callers.
//!
//! A body takes its bytes as they arrive, and gives them back once the ledger has its job, or the request is refused. A
//! request that holds bytes never waits for more. So no two requests wait for each other.

use std::sync::Arc;
use std::time::Duration;

use lethe_common::ledger::HeldRequest;
use lethe_common::metrics::{self, RefusedFor};
use tokio::sync::Notify;
use tokio::time::timeout;

use super::shares::{Full, Share, Shares};
use crate::http::problem::{Kind, Problem};

/// The longest wait for room.
// Long enough for a burst. The ledger takes a body out of memory in under a second.
const PATIENCE: Duration = Duration::from_secs(5);

/// The byte budget of one process.
pub(super) struct BodyBytes {
    shares: Arc<Shares<Arc<str>>>,
    freed: Arc<Notify>,
    /// The longest wait of a request that holds no bytes.
    patience: Duration,
}

/// The bytes that one request holds, until they are given back or this is dropped.
pub(crate) struct Held {
    share: Share<Arc<str>>,
    freed: Arc<Notify>,
    patience: Duration,
}

impl BodyBytes {
    /// Returns a budget. A request waits for room at most `request_timeout`, and at most `PATIENCE`.
    pub(super) fn new(bytes: u64, request_timeout: Duration) -> Self {
        Self {
            shares: Shares::new(usize::try_from(bytes).unwrap_or(usize::MAX)),
            freed: Arc::default(),
            patience: request_timeout.min(PATIENCE),
        }
    }

    /// Returns a share without bytes, for a request of this caller.
    pub(super) fn of(&self, caller: Arc<str>) -> Held {
        Held {
            share: self.shares.none(Some(caller)),
            freed: Arc::clone(&self.freed),
            patience: self.patience,
        }
    }
}

impl Held {
    /// Returns the number of bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.share.slots()
    }

    /// Takes `n` more bytes without waiting. Returns whether there was room for them.
    pub(crate) fn grow(&mut self, n: usize) -> bool {
        self.add(n).is_ok()
    }

    /// Takes `n` more bytes. Without room, a request that holds no bytes waits for a short time.
    ///
    /// # Errors
    /// 429 if there is no room. 413 if there is none even while no other request holds bytes.
    ///
    /// # Cancel safety
    /// A dropped future has taken no bytes.
    pub(crate) async fn take(&mut self, n: usize) -> Result<(), Problem> {
        let Err(full) = self.add(n) else { return Ok(()) };
        let most = self.share.most();
        if self.bytes().saturating_add(n) > most {
            let detail = format!(
                "a request may take {most} bytes of memory, a part of `api.max_body_bytes_in_flight`, and each value of \
                 JSON takes some beside its text: split it into several requests"
            );
            return Err(Problem::new(Kind::TooLarge, detail));
        }
        if self.bytes() == 0 && timeout(self.patience, self.room_for(n)).await.is_ok() {
            return Ok(());
        }
        metrics::request_refused(RefusedFor::BodyBytes);
        let what = match full {
            Full::All => {
                "nothing was accepted: send this again when other requests have ended \
                 (`api.max_body_bytes_in_flight`)"
            }
            Full::Holder => {
                "nothing was accepted: send this again when your other requests have ended: you hold as many bytes as \
                 are free of `api.max_body_bytes_in_flight`"
            }
        };
        Err(Problem::new(Kind::TooManyBytes, what))
    }

    /// Takes `n` more bytes as soon as there is room for them.
    async fn room_for(&mut self, n: usize) {
        let freed = Arc::clone(&self.freed);
        loop {
            // This future sees every release from here on, so none is missed before the wait.
            let given_back = freed.notified();
            if self.grow(n) {
                return;
            }
            given_back.await;
        }
    }

    fn add(&mut self, n: usize) -> Result<(), Full> {
        self.share.add(n)?;
        metrics::body_bytes_taken(n);
        Ok(())
    }

    /// Gives all bytes back.
    pub(crate) fn clear(&mut self) {
        let n = self.bytes();
        if n > 0 {
            self.share.clear();
            metrics::body_bytes_given_back(n);
            self.freed.notify_waiters();
        }
    }
}

impl HeldRequest for Held {
    fn bytes(&self) -> usize {
        self.share.slots()
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.clear();
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    /// A wait that does not end within a test.
    const LONG: Duration = PATIENCE;

    /// A wait that ends within a test.
    const SHORT: Duration = Duration::from_millis(10);

    #[tokio::test]
    async fn a_caller_leaves_room_for_others() {
        let budget = BodyBytes::new(100, SHORT);
        let mut first = budget.of("a".into());
        first.take(50).await.unwrap();
        let mut again = budget.of("a".into());
        let refused = again.take(1).await.unwrap_err();
        assert_eq!(
            refused.kind,
            Kind::TooManyBytes,
            "all requests of a caller share its part"
        );
        let mut other = budget.of("b".into());
        other.take(25).await.unwrap();
        first.clear();
        again.take(26).await.unwrap();
    }

    #[tokio::test]
    async fn a_request_without_bytes_waits_for_room() {
        let budget = BodyBytes::new(100, LONG);
        let [mut first, mut second] = ["a", "b"].map(|caller| budget.of(caller.into()));
        first.take(50).await.unwrap();
        second.take(25).await.unwrap();
        let mut third = budget.of("b".into());
        let mut waiting = Box::pin(third.take(20));
        assert!(waiting.as_mut().now_or_never().is_none(), "it waits");
        drop(first);
        waiting.await.unwrap();
        assert_eq!(third.bytes(), 20);
    }

    #[tokio::test]
    async fn two_that_hold_bytes_do_not_wait_for_each_other() {
        let budget = BodyBytes::new(100, LONG);
        let [mut first, mut second] = ["a", "b"].map(|caller| budget.of(caller.into()));
        first.take(30).await.unwrap();
        second.take(30).await.unwrap();
        for held in [&mut first, &mut second] {
            let at_once = held.take(20).now_or_never().expect("it does not wait");
            assert_eq!(at_once.unwrap_err().kind, Kind::TooManyBytes);
        }
        assert_eq!((first.bytes(), second.bytes()), (30, 30), "a refusal takes nothing");
    }

    #[tokio::test]
    async fn a_request_that_never_has_room_is_told_so_at_once() {
        let budget = BodyBytes::new(100, LONG);
        let mut held = budget.of("a".into());
        for (taken, more) in [(0, 51), (50, 1)] {
            held.take(taken).await.unwrap();
            let at_once = held.take(more).now_or_never().expect("it does not wait");
            assert_eq!(at_once.unwrap_err().kind, Kind::TooLarge, "{more}");
        }
        assert_eq!(held.bytes(), 50);
    }

    #[tokio::test]
    async fn a_request_does_not_wait_for_ever() {
        let budget = BodyBytes::new(100, SHORT);
        let mut held = budget.of("a".into());
        held.take(50).await.unwrap();
        assert!(budget.of("a".into()).take(1).await.is_err());
    }

    #[tokio::test]
    async fn a_request_that_leaves_while_it_waits_takes_nothing() {
        let budget = BodyBytes::new(100, LONG);
        let mut held = budget.of("a".into());
        held.take(50).await.unwrap();
        let mut gone = budget.of("a".into());
        assert!(gone.take(1).now_or_never().is_none());
        drop(gone);
        held.clear();
        let mut next = budget.of("a".into());
        next.take(50).await.unwrap();
    }
}
