//! Serving until the process is to end, and ending gracefully.

use std::io;

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::app::{AppState, router};

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
    let served = axum::serve(listener, router(state.clone())).with_graceful_shutdown(async move {
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
    state.tasks().close();
    state.tasks().wait().await;
    result
}
