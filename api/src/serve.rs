//! Serving the API, and graceful shutdown.

use lethe_common::limits;
use tokio_util::sync::CancellationToken;

use crate::connections::{self, Limits, Port};
use crate::console;
use crate::holds;
use crate::router::router;
use crate::schedules;
use crate::sequencer::{self, Looks};
use crate::state::AppState;

/// Serves the API on `port` until `shutdown`, then finishes the requests that have begun.
///
/// Event streams and waiting requests end at once. Uploads may take as long as workers may (`worker.drain`). An upload
/// that is cut off then was not accepted.
pub async fn serve(port: impl Into<Port>, state: AppState, shutdown: CancellationToken) {
    let drain = state.config().worker.drain;
    let stopping = state.stopping().clone();
    let keeper = state.clone();
    state.tasks().spawn(async move {
        let fresh = keeper.auth().keep_fresh();
        keeper.stopping().run_until_cancelled(fresh).await;
    });
    let clockwork = state.clone();
    state.tasks().spawn(async move {
        let schedules = async {
            clockwork.ledger().migrated().await;
            schedules::run(&clockwork).await;
        };
        clockwork.stopping().run_until_cancelled(schedules).await;
    });
    let settler = state.clone();
    state.tasks().spawn(async move {
        let settling = async {
            settler.ledger().migrated().await;
            holds::run(&settler).await;
        };
        settler.stopping().run_until_cancelled(settling).await;
    });
    if state.config().receipts.sequence {
        let (config, ledger, doorbell) = (state.config().clone(), state.ledger().clone(), state.doorbell().clone());
        let sequencer = sequencer::run(config, ledger, doorbell, Looks::OfSchedules, state.stopping().clone());
        state.tasks().spawn(sequencer);
    }
    let sweeper = state.clone();
    state.tasks().spawn(async move {
        let sweeping = async {
            sweeper.ledger().migrated().await;
            give_up(&sweeper).await;
        };
        sweeper.stopping().run_until_cancelled(sweeping).await;
    });
    let noting = state.clone();
    state.tasks().spawn(async move {
        noting.refusals().run(noting.stopping()).await;
    });
    let sampler = state.clone();
    state.tasks().spawn(async move {
        let sampling = console::sample(&sampler);
        sampler.stopping().run_until_cancelled(sampling).await;
    });
    let begun = shutdown.clone();
    let ending = async move {
        begun.cancelled().await;
        stopping.cancel();
    };
    let served = connections::serve(
        port,
        router(state.clone()),
        Limits::of(&state.config().api),
        shutdown.clone(),
    );
    let late = async {
        shutdown.cancelled().await;
        tokio::time::sleep(drain).await;
    };
    tokio::select! {
        ((), ()) = async { tokio::join!(served, ending) } => {}
        () = late => tracing::warn!("requests were cut off: they took longer than the drain"),
    }
    state.tasks().close();
    state.tasks().wait().await;
    state.refusals().finish().await;
}

/// Fails jobs whose time limit has passed, again and again. Workers do this too, but there may be no worker.
async fn give_up(state: &AppState) {
    let mut wait = limits::INTERVAL;
    loop {
        tokio::time::sleep(wait).await;
        wait = limits::give_up(state.ledger(), state.doorbell()).await.unwrap_or_else(|error| {
            tracing::debug!(ledger.sqlstate = error.sqlstate(), error = %error, "jobs past their time limit could not be ended");
            limits::INTERVAL
        });
    }
}
