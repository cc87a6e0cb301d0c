//! A receipt as the file that is handed out: signed, and with the proof that the log has it.

use std::time::Duration;

use lethe_common::ledger::ReceiptRow;
use lethe_common::receipt::dsse::Envelope;
use tokio::time::{Instant, sleep};

use super::answer::Receipt;
use crate::http::problem::{Kind, Problem};
use crate::state::AppState;

/// The time for which a request waits for the signature.
// Twice the default pace of the sequencer.
const WAIT: Duration = Duration::from_secs(2);

/// The time between two looks.
const POLL: Duration = Duration::from_millis(250);

/// Returns a receipt as a file. Waits for its signature, which follows the end of the job within a second.
pub(crate) async fn file(state: &AppState, mut row: ReceiptRow) -> Result<Receipt, Problem> {
    let until = Instant::now() + WAIT;
    loop {
        if row.is_forgotten {
            return Err(forgotten());
        }
        if let Some(envelope) = signed(state, &row).await? {
            return Ok(envelope.into());
        }
        if Instant::now() >= until {
            return Err(Problem::usual(Kind::ReceiptPending));
        }
        state.ledger().wake_log();
        sleep(POLL).await;
        row = state.ledger().receipt(row.id).await?.ok_or_else(forgotten)?;
    }
}

/// Returns a receipt with its proof, once both are there. Does not wait.
pub(crate) async fn signed(state: &AppState, row: &ReceiptRow) -> Result<Option<Envelope>, Problem> {
    let Some(index) = row.log_index else { return Ok(None) };
    let Some(proof) = state.ledger().log_proof(index).await? else {
        return Ok(None);
    };
    let envelope = state.ledger().envelope(row.id).await?;
    Ok(envelope.map(|envelope| Envelope {
        tlog_proof: Some(proof),
        ..envelope
    }))
}

fn forgotten() -> Problem {
    let detail = "the retention of this receipt has passed: the log keeps only its hash";
    Problem::new(Kind::Forgotten, detail)
}
