//! Shutdown: the first SIGTERM or SIGINT asks the process to finish begun work, the second to stop
//! at once.

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// The two ways to stop.
#[derive(Debug, Clone, Default)]
pub(crate) struct Stop {
    /// Finish begun work, and begin no more.
    pub(crate) soon: CancellationToken,
    /// Stop at once; implies `soon`.
    pub(crate) now: CancellationToken,
}

impl Stop {
    /// Returns tokens that follow the process' signals.
    pub(crate) fn on_signals() -> std::io::Result<Self> {
        let stop = Self::default();
        let tokens = stop.clone();
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    _ = terminate.recv() => {}
                    _ = interrupt.recv() => {}
                }
                if tokens.soon.is_cancelled() {
                    tracing::warn!("stopping at once");
                    tokens.now.cancel();
                    return;
                }
                tracing::info!("stopping; a second signal stops at once");
                tokens.soon.cancel();
            }
        });
        Ok(stop)
    }
}
