//! Runs a worker: the claim loop, apalis' monitor over its backend, the housekeeping, and an orderly shutdown.

use std::sync::Arc;
use std::time::Duration;

use apalis::prelude::{Monitor, WorkerBuilder};
use apalis_core::worker::ext::parallelize::ParallelizeExt;
use tokio::sync::{Semaphore, mpsc};
use tokio_util::sync::CancellationToken;

use super::backend::ChannelBackend;
use super::task::{self, Group};
use super::{claim_loop, housekeeping};
use crate::lease::Environment;

/// Works until `stop`, then gives running work the configured time to end, and releases the rest. `stop_now` ends this
/// wait.
pub async fn run(env: Environment, stop: CancellationToken, stop_now: CancellationToken) {
    let env = Arc::new(env);
    let slots = env.config.worker.slots;
    let permits = Arc::new(Semaphore::new(slots));
    let (groups, receiver) = mpsc::channel::<Group>(slots);
    let finished = CancellationToken::new();

    let shared = Arc::clone(&env);
    let handle = move |group: Group| task::run(group, Arc::clone(&shared));
    let name = env.name.clone();
    let monitor = tokio::spawn(monitor(name, ChannelBackend::new(receiver), handle, finished.clone()));
    let housekeeping = tokio::spawn(housekeeping::run(Arc::clone(&env), stop.clone()));
    let claiming = tokio::spawn(claim_loop::run(
        Arc::clone(&env),
        Arc::clone(&permits),
        groups,
        stop.clone(),
    ));

    stop.cancelled().await;
    tracing::info!(
        partitions = env.leases.count(),
        "the worker stops: it claims nothing more"
    );
    let all = u32::try_from(slots).unwrap_or(u32::MAX);
    let drained = async {
        drop(claiming.await);
        // All permits are free: no task is running.
        drop(permits.acquire_many(all).await);
    };
    tokio::select! {
        () = drained => {}
        () = tokio::time::sleep(env.config.worker.drain) => {
            tracing::warn!(partitions = env.leases.count(), "the worker releases the partitions that it could not finish in time");
        }
        () = stop_now.cancelled() => {}
    }
    // A released partition is fenced off: a call that is still under way can record nothing.
    if let Ok(ended) = env.leases.give_back(&env.ledger).await {
        env.ended(&ended);
    } else {
        tracing::warn!("the ledger is unreachable: leases have to expire");
    }
    finished.cancel();
    // Tasks that outlast the drain are dropped with the process.
    let ended = async {
        drop(monitor.await);
        drop(housekeeping.await);
    };
    if tokio::time::timeout(Duration::from_secs(1), ended).await.is_err() {
        tracing::debug!("some tasks were still running when the worker stopped");
    }
}

/// Works on one group after another until nothing is due, and returns their number. With it, tests need not wait.
///
/// A failed partition that waits for its retry is not due. Neither apalis nor housekeeping runs, and no lease is
/// renewed in the background.
///
/// # Panics
///
/// If the ledger does not answer a claim.
#[doc(hidden)]
pub async fn run_due_jobs(env: Environment) -> usize {
    claim_loop::run_due(&Arc::new(env)).await
}

/// Runs apalis' worker under its monitor until `finished`.
async fn monitor<T, F, Done>(name: String, backend: ChannelBackend<T>, handle: F, finished: CancellationToken)
where
    T: Send + 'static,
    F: Fn(T) -> Done + Clone + Send + Sync + 'static,
    Done: Future<Output = ()> + Send + 'static,
{
    let monitor = Monitor::new()
        .register(move |restarts| {
            WorkerBuilder::new(format!("{name}-{restarts}"))
                .backend(backend.clone())
                // Each task is a tokio task of its own, instead of a part of the monitor's.
                .parallelize(tokio::spawn)
                .build(handle.clone())
        })
        .should_restart(|context, error| {
            tracing::error!(error = %error, restarts = context.restarts(), "apalis' worker ended and is started again");
            true
        });
    let signal = async move {
        finished.cancelled().await;
        Ok(())
    };
    if let Err(error) = monitor.run_with_signal(signal).await {
        tracing::error!(error = %error, "apalis' monitor ended");
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::Barrier;

    use super::*;

    #[tokio::test]
    async fn as_many_tasks_run_at_once_as_there_are_slots() {
        const SLOTS: usize = 5;
        let (tasks, receiver) = mpsc::channel(SLOTS);
        let finished = CancellationToken::new();
        let (all_at_once, done) = (Arc::new(Barrier::new(SLOTS + 1)), Arc::new(Semaphore::new(0)));
        let (barrier, count) = (Arc::clone(&all_at_once), Arc::clone(&done));
        let handle = move |()| {
            let (barrier, count) = (Arc::clone(&barrier), Arc::clone(&count));
            async move {
                barrier.wait().await;
                count.add_permits(1);
            }
        };
        let running = tokio::spawn(monitor(
            "test".to_owned(),
            ChannelBackend::new(receiver),
            handle,
            finished.clone(),
        ));
        for () in [(); SLOTS] {
            tasks.send(()).await.unwrap();
        }
        // The barrier opens only if all tasks wait at the same time.
        all_at_once.wait().await;
        drop(done.acquire_many(5).await.unwrap());
        finished.cancel();
        running.await.unwrap();
    }

    #[tokio::test]
    async fn a_panicking_task_leaves_the_worker_working() {
        let (tasks, receiver) = mpsc::channel(1);
        let finished = CancellationToken::new();
        let done = Arc::new(Semaphore::new(0));
        let count = Arc::clone(&done);
        let handle = move |panics: bool| {
            let count = Arc::clone(&count);
            async move {
                assert!(!panics, "as asked for");
                count.add_permits(1);
            }
        };
        let running = tokio::spawn(monitor(
            "test".to_owned(),
            ChannelBackend::new(receiver),
            handle,
            finished.clone(),
        ));
        for panics in [true, false, true, true, false] {
            tasks.send(panics).await.unwrap();
        }
        drop(done.acquire_many(2).await.unwrap());
        finished.cancel();
        running.await.unwrap();
    }
}
