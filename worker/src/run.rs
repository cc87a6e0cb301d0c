//! Running a worker: the claim loop, apalis' monitor over its backend, the housekeeping, and an
//! orderly end.

use std::sync::Arc;
use std::time::Duration;

use apalis::prelude::{Monitor, WorkerBuilder};
use apalis_core::worker::ext::parallelize::ParallelizeExt;
use tokio::sync::{Semaphore, mpsc};
use tokio_util::sync::CancellationToken;

use crate::backend::ChannelBackend;
use crate::environment::Environment;
use crate::task::{self, Group};
use crate::{claim_loop, housekeeping};

/// Works until `stop`, then finishes what has begun within the configured time, and gives the
/// rest back; `stop_now` skips the waiting.
pub async fn run(env: Environment, stop: CancellationToken, stop_now: CancellationToken) {
    let env = Arc::new(env);
    let slots = env.config.worker.slots;
    let permits = Arc::new(Semaphore::new(slots));
    let (groups, receiver) = mpsc::channel::<Group>(slots);
    let finished = CancellationToken::new();

    let monitor = tokio::spawn(monitor(
        Arc::clone(&env),
        ChannelBackend::new(receiver),
        finished.clone(),
    ));
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
        // All permits: nothing is running any more.
        drop(permits.acquire_many(all).await);
    };
    tokio::select! {
        () = drained => {}
        () = tokio::time::sleep(env.config.worker.drain) => {
            tracing::warn!(partitions = env.leases.count(), "the worker gives back what it could not finish in time");
        }
        () = stop_now.cancelled() => {}
    }
    // What is given back is fenced off: a call that is still under way can record nothing.
    if env.leases.give_back(&env.ledger).await.is_err() {
        tracing::warn!("the ledger cannot be reached: leases have to run out");
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

/// Runs apalis' worker under its monitor until `finished`.
async fn monitor(env: Arc<Environment>, backend: ChannelBackend<Group>, finished: CancellationToken) {
    let name = env.name.clone();
    let monitor = Monitor::new()
        .register(move |restarts| {
            let env = Arc::clone(&env);
            WorkerBuilder::new(format!("{name}-{restarts}"))
                .backend(backend.clone())
                // Each task by itself on the runtime, instead of all in the monitor's.
                .parallelize(tokio::spawn)
                .build(move |group: Group| {
                    let env = Arc::clone(&env);
                    async move { task::run(group, env).await }
                })
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
