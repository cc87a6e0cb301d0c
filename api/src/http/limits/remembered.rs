//! A cache for an answer that any client may request at any rate. The answer is renewed at most once a second.

use std::time::{Duration, Instant};

use tokio::sync::Mutex;

/// The time for which an answer is cached, unless it lasts longer.
pub(crate) const REMEMBER: Duration = Duration::from_secs(1);

/// The last answer.
pub(crate) struct Remembered<T>(Mutex<Option<Last<T>>>);

struct Last<T> {
    at: Instant,
    lasts: Duration,
    seen: T,
}

impl<T: Clone> Remembered<T> {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(None))
    }

    /// Returns the cached answer if it is less than a second old, else a new one by `look`. Concurrent callers wait.
    pub(crate) async fn get(&self, look: impl Future<Output = T>) -> T {
        self.get_for(look, |_| REMEMBER).await.1
    }

    /// Does the same with an answer that lasts as long as `lasts` says. Returns its age too.
    pub(crate) async fn get_for(
        &self,
        look: impl Future<Output = T>,
        lasts: impl FnOnce(&T) -> Duration,
    ) -> (Duration, T) {
        let mut last = self.0.lock().await;
        if let Some(Last { at, lasts, seen }) = &*last {
            let age = at.elapsed();
            if age < *lasts {
                return (age, seen.clone());
            }
        }
        let seen = look.await;
        *last = Some(Last {
            at: Instant::now(),
            lasts: lasts(&seen),
            seen: seen.clone(),
        });
        (Duration::ZERO, seen)
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
        grow_older(&remembered, REMEMBER).await;
        assert_eq!(remembered.get(look()).await, 1);
    }

    /// Makes the cached answer older.
    async fn grow_older<T>(remembered: &Remembered<T>, by: Duration) {
        let mut last = remembered.0.lock().await;
        let last = last.as_mut().expect("an answer");
        last.at = last.at.checked_sub(by).expect("this machine runs for longer");
    }

    #[tokio::test]
    async fn an_answer_lasts_as_long_as_it_says() {
        let remembered = Remembered::new();
        let get = async |seen: u64| {
            remembered
                .get_for(async { seen }, |seen| Duration::from_secs(*seen))
                .await
        };
        assert_eq!(get(60).await, (Duration::ZERO, 60));
        grow_older(&remembered, REMEMBER).await;
        let (age, seen) = get(2).await;
        assert!(age >= REMEMBER && seen == 60, "{age:?}");
        grow_older(&remembered, Duration::from_mins(1)).await;
        assert_eq!(get(2).await, (Duration::ZERO, 2));
    }
}
