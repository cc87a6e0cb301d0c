//! Waits for a condition, with a deadline that only a failure meets.

use std::time::{Duration, Instant};

/// The time limit of each wait, far above the time needed on a busy machine.
pub const DEADLINE: Duration = Duration::from_mins(2);

/// The interval between looks at a condition without a signal.
const LOOK: Duration = Duration::from_millis(10);

/// Waits until `look` returns something.
pub async fn until<T, F>(what: &str, mut look: impl FnMut() -> F) -> T
where
    F: Future<Output = Option<T>>,
{
    let start = Instant::now();
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(start.elapsed() < DEADLINE, "timed out: {what}");
        tokio::time::sleep(LOOK).await;
    }
}

/// Waits until `look` returns `true`.
pub async fn until_true<F>(what: &str, mut look: impl FnMut() -> F)
where
    F: Future<Output = bool>,
{
    until(what, || {
        let look = look();
        async move { look.await.then_some(()) }
    })
    .await;
}

/// Waits for a future that must end.
pub async fn ends<T>(what: &str, future: impl Future<Output = T>) -> T {
    let done = tokio::time::timeout(DEADLINE, future).await;
    done.unwrap_or_else(|_| panic!("timed out: {what}"))
}
