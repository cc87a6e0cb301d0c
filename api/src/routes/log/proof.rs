//! `GET /v1/receipts/{id}/proof`.

use std::time::Duration;

use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use lethe_common::ledger::ReceiptRow;
use tokio::time::{Instant, sleep};

use crate::auth::Principal;
use crate::http::extract::ReceiptPath;
use crate::http::problem::{Kind, Problem};
use crate::routes::answers::{NoReceipt, Usual};
use crate::routes::receipts::seen::seen;
use crate::state::AppState;

/// The time for which a request waits for the log.
// Twice the default pace of the sequencer.
const WAIT: Duration = Duration::from_secs(2);

/// The time between two looks.
const POLL: Duration = Duration::from_millis(250);

/// Read the proof that the log has a receipt, as C2SP's `tlog-proof` has it.
///
/// It holds the newest checkpoint, and is verified without the log. A later proof leads to a later checkpoint. The log keeps
/// the proof of a receipt whose retention has passed.
#[utoipa::path(
    get,
    path = "/v1/receipts/{id}/proof",
    operation_id = "getReceiptProof",
    tag = "receipts",
    params(("id" = Uuid, Path, description = "The receipt's id")),
    responses(
        (status = 200, description = "The proof", body = String, content_type = "text/plain"),
        NoReceipt,
        Usual,
    ),
)]
pub(crate) async fn proof(
    State(state): State<AppState>,
    principal: Principal,
    ReceiptPath(id): ReceiptPath,
) -> Result<impl IntoResponse, Problem> {
    let receipt = seen(&state, &principal, id).await?;
    let headers = [
        (header::CONTENT_TYPE, "text/plain; charset=utf-8"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    Ok((headers, awaited(&state, receipt).await?))
}

/// Returns the proof of a receipt. Waits for its place in the log, which follows the end of the job within a second.
async fn awaited(state: &AppState, mut receipt: ReceiptRow) -> Result<String, Problem> {
    let until = Instant::now() + WAIT;
    loop {
        if let Some(index) = receipt.log_index
            && let Some(proof) = state.ledger().log_proof(index).await?
        {
            return Ok(proof);
        }
        if Instant::now() >= until {
            return Err(Problem::usual(Kind::ReceiptPending));
        }
        state.ledger().wake_log();
        sleep(POLL).await;
        let read = state.ledger().receipt(receipt.id).await?;
        receipt = read.ok_or_else(Problem::unknown_receipt)?;
    }
}
