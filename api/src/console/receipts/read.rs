//! A receipt as this service reads it: verified here, with the keys that it publishes.

use lethe_common::ledger::ReceiptRow;
use lethe_common::receipt::{Envelope, KeySet, ReceiptError, Verified, verify};

use crate::http::problem::Problem;
use crate::routes::receipts::file::signed;
use crate::routes::well_known::published;
use crate::state::AppState;

/// A receipt, as far as it can be read.
pub(super) enum Reading {
    /// It is not signed yet, or no signed checkpoint has it.
    Pending,
    /// Its retention has passed.
    Forgotten,
    /// It is signed, and has its proof.
    Signed(Box<Signed>),
}

/// A signed receipt.
pub(super) struct Signed {
    /// The file, with the proof of the log.
    pub(super) envelope: Envelope,
    /// The statement, or the fault for which it is refused.
    pub(super) verified: Result<Verified, ReceiptError>,
    /// The name of the log.
    pub(super) origin: String,
}

/// Reads a receipt. Does not wait for its signature.
pub(super) async fn read(state: &AppState, row: &ReceiptRow) -> Result<Reading, Problem> {
    if row.is_forgotten {
        return Ok(Reading::Forgotten);
    }
    let Some(envelope) = signed(state, row).await? else {
        state.ledger().wake_log();
        return Ok(Reading::Pending);
    };
    let keys = published(state).await?;
    let signed = Signed::of(envelope, &keys);
    if let Err(fault) = &signed.verified {
        tracing::error!(error = %fault, "a stored receipt cannot be verified with the published keys");
    }
    Ok(Reading::Signed(Box::new(signed)))
}

impl Signed {
    /// Verifies a receipt with these keys.
    pub(super) fn of(envelope: Envelope, keys: &KeySet) -> Self {
        Self {
            verified: verify(text(&envelope).as_bytes(), keys, &keys.origin, None),
            envelope,
            origin: keys.origin.clone(),
        }
    }

    /// Returns the file: JSON on one line.
    pub(super) fn file(&self) -> String {
        text(&self.envelope)
    }
}

fn text(envelope: &Envelope) -> String {
    serde_json::to_string(envelope).expect("texts are JSON")
}
