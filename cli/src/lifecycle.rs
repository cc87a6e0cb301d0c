//! How a process ends: the first SIGTERM or SIGINT asks it to finish what it has begun, the second
//! to stop at once.

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// The two ways to stop.
#[derive(Debug, Clone, Default)]
pub(crate) struct Stop {
    /// Finish what has begun, begin nothing.
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
