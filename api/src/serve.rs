//! Serving until the process is to end, and ending gracefully.

use std::io;
use std::net::SocketAddr;

use lethe_common::limits;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::router::router;
use crate::schedules;
use crate::state::AppState;

/// Serves the API on `listener` until `shutdown`, then answers what has begun.
///
/// Event streams and waiting requests end at once, uploads may finish for as long as workers may
/// (`worker.drain`); what is cut off then was not accepted.
///
/// # Errors
///
/// The listener's, which ends serving.
pub async fn serve(listener: TcpListener, state: AppState, shutdown: CancellationToken) -> io::Result<()> {
    let drain = state.config().worker.drain;
    let stopping = state.stopping().clone();
    let stop = shutdown.clone();
    let keeper = state.clone();
    state.tasks().spawn(async move {
        let fresh = keeper.auth().keep_fresh();
        keeper.stopping().run_until_cancelled(fresh).await;
    });
    let clockwork = state.clone();
    state.tasks().spawn(async move {
        let schedules = schedules::run(&clockwork);
        clockwork.stopping().run_until_cancelled(schedules).await;
    });
    let sweeper = state.clone();
    state.tasks().spawn(async move {
        sweeper.stopping().run_until_cancelled(give_up(&sweeper)).await;
    });
    // With the peers' addresses: failures to say who asks are counted by them.
    let service = router(state.clone()).into_make_service_with_connect_info::<SocketAddr>();
    let served = axum::serve(listener, service).with_graceful_shutdown(async move {
        stop.cancelled().await;
        stopping.cancel();
    });
    let late = async {
        shutdown.cancelled().await;
        tokio::time::sleep(drain).await;
    };
    let result = tokio::select! {
        result = served => result,
        () = late => {
            tracing::warn!("requests were cut off: they took longer than the drain");
            Ok(())
        }
    };
    // If serving ended by itself: nothing is to go on.
    state.stopping().cancel();
    state.tasks().close();
    state.tasks().wait().await;
    result
}

/// Fails jobs whose limit has passed, for ever. Workers do so too; but there may be none.
async fn give_up(state: &AppState) {
    loop {
        tokio::time::sleep(limits::INTERVAL).await;
        if let Err(error) = limits::give_up(state.ledger(), state.doorbell()).await {
            tracing::debug!(ledger.sqlstate = error.sqlstate(), error = %error, "jobs could not be given up");
        }
    }
}
