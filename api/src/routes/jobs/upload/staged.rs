//! The stored part of an upload.

use lethe_common::ledger::{Ledger, Upload};
use tokio_util::task::TaskTracker;

use crate::state::AppState;

/// The stored part of an upload. A drop deletes it from the ledger, unless it was taken.
pub(super) struct Staged {
    upload: Option<Upload>,
    ledger: Ledger,
    tasks: TaskTracker,
}

impl Staged {
    pub(super) fn new(state: &AppState, upload: Upload) -> Self {
        Self {
            upload: Some(upload),
            ledger: state.ledger().clone(),
            tasks: state.tasks().clone(),
        }
    }

    pub(super) fn upload(&mut self) -> &mut Upload {
        self.upload.as_mut().expect("only the end of an upload takes it")
    }

    pub(super) fn take(&mut self) -> Upload {
        self.upload.take().expect("an upload ends once")
    }
}

impl Drop for Staged {
    // Runs after a refusal, and after a sender disconnected, when the handler is no longer polled.
    fn drop(&mut self) {
        let Some(upload) = self.upload.take() else { return };
        let ledger = self.ledger.clone();
        self.tasks.spawn(async move {
            if let Err(error) = ledger.abort_upload(upload).await {
                tracing::warn!(error = %error, sqlstate = error.sqlstate(), "a broken upload could not be deleted: workers sweep it later");
            }
        });
    }
}
