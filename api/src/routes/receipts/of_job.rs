//! `GET /v1/jobs/{id}/receipt`.

use axum::Json;
use axum::extract::State;
use lethe_common::job::JobId;
use lethe_common::ledger::ReceiptRow;
use serde::Deserialize;
use utoipa::IntoParams;

use super::answer::Receipt;
use super::file::file;
use super::seen::within;
use crate::auth::Principal;
use crate::http::extract::{JobPath, Params};
use crate::http::problem::{Kind, Problem};
use crate::job::visible::visible;
use crate::routes::answers::{NoReceipt, ReceiptForgotten, Usual};
use crate::state::AppState;

/// The choice among the receipts of a job.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ReceiptParams {
    /// The number of the ending, from 1: a job that was retried ends several times. Absent: the last one.
    #[param(value_type = Option<u64>, minimum = 1)]
    ending: Option<String>,
}

/// Read the receipt of a job, as a signed file.
///
/// A job has one receipt for each of its endings; a dry run has none. The receipt outlives its job.
#[utoipa::path(
    get,
    path = "/v1/jobs/{id}/receipt",
    operation_id = "getJobReceipt",
    tag = "receipts",
    params(("id" = Uuid, Path, description = "The job's id"), ReceiptParams),
    responses(
        (status = 200, description = "The receipt", body = Receipt),
        NoReceipt,
        ReceiptForgotten,
        Usual,
    ),
)]
pub(crate) async fn of_job(
    State(state): State<AppState>,
    principal: Principal,
    JobPath(id): JobPath,
    Params(params): Params<ReceiptParams>,
) -> Result<Json<Receipt>, Problem> {
    let ending = params.ending.as_deref().map(ending).transpose()?;
    let row = row(&state, &principal, id, ending).await?;
    file(&state, row).await.map(Json)
}

/// Returns the receipt of an ending that the caller may see.
async fn row(state: &AppState, principal: &Principal, id: JobId, ending: Option<u64>) -> Result<ReceiptRow, Problem> {
    let found = state.ledger().receipt_of(id, ending).await?;
    if let Some(row) = within(state, principal, found.into_iter().collect()).await?.pop() {
        return Ok(row);
    }
    // A caller that may see the job learns why it has no receipt.
    let job = visible(state, principal, id).await?;
    Err(Problem::new(
        Kind::NoReceipt,
        if job.dry_run {
            "a dry run has no receipt, since it erases nothing"
        } else if ending.is_some() {
            "the job has not ended as many times: leave out `ending` for its last receipt"
        } else {
            "the job has not ended: its end makes the receipt"
        },
    ))
}

fn ending(text: &str) -> Result<u64, Problem> {
    let ending = text.parse().ok().filter(|ending| *ending >= 1);
    ending.ok_or_else(|| Problem::invalid("ending", "write a number from 1"))
}
