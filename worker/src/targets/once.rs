//! A value that many callers want at once and one of them makes: a cached schema.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::{Mutex, RwLock};

use crate::store::StoreError;

/// The value, if it was made, and the state of the caller that makes it.
pub(crate) struct Once<T> {
    made: RwLock<Option<Arc<T>>>,
    /// The number of failed attempts.
    failures: AtomicU64,
    /// Locked while a caller makes the value. It holds the last failed attempt: its number and its error.
    failed: Mutex<Option<(u64, StoreError)>>,
}

impl<T> Default for Once<T> {
    fn default() -> Self {
        Self {
            made: RwLock::default(),
            failures: AtomicU64::new(0),
            failed: Mutex::default(),
        }
    }
}

impl<T> Once<T> {
    /// Returns the value, or makes it. Callers that come meanwhile wait, and share the success or the error. So the
    /// callers do not all ask a store that does not answer, neither at once nor one after the other.
    pub(crate) async fn get(&self, opening: impl Future<Output = Result<T, StoreError>>) -> Result<Arc<T>, StoreError> {
        if let Some(made) = &*self.made.read().await {
            return Ok(Arc::clone(made));
        }
        // A caller shares only an attempt that was under way when it came. It may also have to wait for callers that
        // take the error of an older one.
        let before = self.failures.load(Ordering::SeqCst);
        let mut failed = self.failed.lock().await;
        if let Some(made) = &*self.made.read().await {
            return Ok(Arc::clone(made));
        }
        if let Some((_, error)) = failed.as_ref().filter(|(n, _)| *n > before) {
            return Err(error.clone());
        }
        // If this call is dropped, a waiting caller makes the value.
        match opening.await {
            Ok(made) => {
                let made = Arc::new(made);
                *self.made.write().await = Some(Arc::clone(&made));
                Ok(made)
            }
            Err(error) => {
                let n = self.failures.fetch_add(1, Ordering::SeqCst) + 1;
                *failed = Some((n, error.clone()));
                Err(error)
            }
        }
    }

    /// Drops the value, if `is_so` holds for it.
    pub(crate) async fn forget_if(&self, is_so: impl FnOnce(&T) -> bool) {
        let mut made = self.made.write().await;
        if made.as_ref().is_some_and(|made| is_so(made)) {
            *made = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use futures::future::join_all;
    use lethe_common::job::StoreKind;
    use tokio::sync::Notify;

    use super::*;

    /// Lets ten callers ask at the same time. Returns how many made the value, and their answers.
    async fn ask(once: &Once<u8>, answer: Result<u8, StoreError>) -> (u32, Vec<Result<u8, &'static str>>) {
        let (made, all_ask) = (Cell::new(0), Notify::new());
        let open = async || {
            made.set(made.get() + 1);
            all_ask.notified().await;
            answer.clone()
        };
        let asking = join_all((0..10).map(|_| async { once.get(open()).await }));
        // Polled in this order: nothing is answered before all have asked.
        let (told, ()) = tokio::join!(asking, async { all_ask.notify_one() });
        let told = told
            .into_iter()
            .map(|told| told.map(|made| *made).map_err(|error| error.code().as_str()));
        (made.get(), told.collect())
    }

    #[tokio::test]
    async fn one_of_many_makes_it_and_all_of_them_share_what_came_of_it() {
        let once = Once::default();
        assert_eq!(
            ask(&once, Err(StoreError::timed_out(StoreKind::Sql))).await,
            (1, vec![Err("timeout"); 10])
        );
        assert_eq!(ask(&once, Ok(7)).await, (1, vec![Ok(7); 10]), "a failure is not kept");
        assert_eq!(ask(&once, Ok(8)).await, (0, vec![Ok(7); 10]), "what was made is");
        once.forget_if(|made| *made == 8).await;
        assert_eq!(ask(&once, Ok(8)).await.0, 0);
        once.forget_if(|made| *made == 7).await;
        assert_eq!(ask(&once, Ok(8)).await, (1, vec![Ok(8); 10]));
    }

    #[tokio::test]
    async fn whoever_waits_makes_it_if_the_one_who_made_it_is_dropped() {
        let once = Once::default();
        let mut first = Box::pin(once.get(std::future::pending::<Result<u8, StoreError>>()));
        assert!(futures::poll!(&mut first).is_pending());
        let second = once.get(async { Ok(7) });
        let (second, ()) = tokio::join!(second, async { drop(first) });
        assert_eq!(*second.unwrap(), 7);
    }

    #[tokio::test]
    async fn a_caller_that_comes_after_a_failure_asks_again_though_others_still_take_its_error() {
        let (once, fails) = (Once::default(), Notify::new());
        let failing = async {
            fails.notified().await;
            Err::<u8, _>(StoreError::timed_out(StoreKind::Sql))
        };
        let mut first = Box::pin(once.get(failing));
        let mut waiting = Box::pin(once.get(async { Ok(1) }));
        assert!(futures::poll!(&mut first).is_pending());
        assert!(futures::poll!(&mut waiting).is_pending());
        fails.notify_one();
        assert!(first.await.is_err());

        let mut late = Box::pin(once.get(async { Ok(7) }));
        assert!(futures::poll!(&mut late).is_pending(), "the other one is next");
        assert!(waiting.await.is_err(), "it shares the failure");
        assert_eq!(*late.await.unwrap(), 7);
    }
}
