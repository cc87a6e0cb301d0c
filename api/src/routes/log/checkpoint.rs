//! `GET /log/checkpoint`.

use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;

use super::Reader;
use crate::http::problem::{Kind, Problem};
use crate::routes::answers::Usual;
use crate::state::AppState;

/// Read the newest checkpoint of the log: a signed note with the log's size and the root of its Merkle tree.
///
/// Entries and hashes are under `/log/tile/`, by the paths of C2SP's `tlog-tiles`: `/log/tile/0/000`,
/// `/log/tile/entries/000.p/7`. `lethe receipts audit` checks all of them. If `receipts.public` is set, the log needs no
/// credentials.
#[utoipa::path(get, path = "/log/checkpoint", operation_id = "logCheckpoint", tag = "receipts",
    responses(
        (status = 200, description = "The checkpoint", body = String, content_type = "text/plain"),
        Usual,
    ))]
pub(crate) async fn checkpoint(State(state): State<AppState>, _: Reader) -> Result<impl IntoResponse, Problem> {
    let head = state.ledger().log_head().await?;
    let note = head.checkpoint.ok_or_else(|| {
        Problem::new(
            Kind::ReceiptPending,
            "no checkpoint is signed yet: read it again in a second",
        )
    })?;
    let headers = [
        (header::CONTENT_TYPE, "text/plain; charset=utf-8"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    Ok((headers, note))
}
