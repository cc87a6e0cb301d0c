//! A cache for an answer that any client may request at any rate. The answer is renewed at most once a second.

use std::time::{Duration, Instant};

use tokio::sync::Mutex;

/// The time for which an answer is cached.
const REMEMBER: Duration = Duration::from_secs(1);

/// The last answer.
pub(crate) struct Remembered<T>(Mutex<Option<(Instant, T)>>);

impl<T: Clone> Remembered<T> {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(None))
    }

    /// Returns the cached answer if it is less than a second old, else a new one by `look`. Concurrent callers wait.
    pub(crate) async fn get(&self, look: impl Future<Output = T>) -> T {
        let mut last = self.0.lock().await;
        if let Some((at, seen)) = &*last
            && at.elapsed() < REMEMBER
        {
            return seen.clone();
        }
        let seen = look.await;
        *last = Some((Instant::now(), seen.clone()));
        seen
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures::future::join_all;

    use super::*;

    #[tokio::test]
    async fn many_who_ask_together_are_told_what_one_saw() {
        let (remembered, looks) = (Remembered::new(), AtomicUsize::new(0));
        let look = || async {
            tokio::task::yield_now().await;
            looks.fetch_add(1, Ordering::Relaxed)
        };
        let told = join_all((0..100).map(|_| remembered.get(look()))).await;
        assert!(told.iter().all(|seen| *seen == 0));
        let mut last = remembered.0.lock().await;
        *last = last
            .take()
            .and_then(|(at, seen)| Some((at.checked_sub(REMEMBER)?, seen)));
        drop(last);
        assert_eq!(remembered.get(look()).await, 1);
    }
}
