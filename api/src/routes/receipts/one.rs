//! `GET /v1/receipts/{id}`.

use axum::Json;
use axum::extract::State;

use super::answer::Receipt;
use super::file::file;
use super::seen::seen;
use crate::auth::Principal;
use crate::http::extract::ReceiptPath;
use crate::http::problem::Problem;
use crate::routes::answers::{NoReceipt, ReceiptForgotten, Usual};
use crate::state::AppState;

/// Read a receipt, as a signed file.
///
/// The receipt of a job that has just ended is signed within a second. The request waits for it.
#[utoipa::path(
    get,
    path = "/v1/receipts/{id}",
    operation_id = "getReceipt",
    tag = "receipts",
    params(("id" = Uuid, Path, description = "The receipt's id")),
    responses(
        (status = 200, description = "The receipt", body = Receipt),
        NoReceipt,
        ReceiptForgotten,
        Usual,
    ),
)]
pub(crate) async fn one(
    State(state): State<AppState>,
    principal: Principal,
    ReceiptPath(id): ReceiptPath,
) -> Result<Json<Receipt>, Problem> {
    let row = seen(&state, &principal, id).await?;
    file(&state, row).await.map(Json)
}
