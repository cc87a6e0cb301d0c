//! `GET /v1/receipts`.

use axum::Json;
use axum::extract::State;
use lethe_common::job::JobId;
use lethe_common::ledger::ReceiptFilter;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::answer::ListedReceipt;
use super::seen::within;
use crate::auth::Principal;
use crate::http::extract::Params;
use crate::http::page::{self, limit, time};
use crate::http::problem::Problem;
use crate::routes::answers::Usual;
use crate::state::AppState;

/// The default and the greatest number of receipts in a page: an answer of at most about 300 KiB.
const LIMIT: (u32, u32) = (100, 1_000);

/// The most reads of the ledger for one page. Receipts outside the caller's bounds are left out of the page.
const READS: usize = 8;

/// The filter of receipts.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ReceiptsParams {
    /// Only receipts of this job.
    #[param(value_type = Option<Uuid>)]
    job: Option<String>,
    /// Only receipts of jobs that ended from this time on.
    #[param(value_type = Option<String>, format = DateTime)]
    since: Option<String>,
    /// `next` of the page before.
    after: Option<String>,
    /// The greatest number of receipts in a page, 1 to 1000; 100 if absent.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 1_000)]
    limit: Option<String>,
}

/// Receipts, the newest first.
#[derive(Serialize, ToSchema)]
pub(crate) struct ReceiptList {
    /// The receipts. A page that is short or empty may not be the last.
    pub(crate) receipts: Vec<ListedReceipt>,
    /// The value of `after` for the next page; `null` on the last.
    pub(crate) next: Option<String>,
}

/// List receipts, the newest first: of the caller's own jobs, and with the scope `receipts:read` or `jobs:read` of those of
/// other callers.
#[utoipa::path(
    get,
    path = "/v1/receipts",
    operation_id = "listReceipts",
    tag = "receipts",
    params(ReceiptsParams),
    responses(
        (status = 200, description = "The receipts", body = ReceiptList),
        Usual,
    ),
)]
pub(crate) async fn list(
    State(state): State<AppState>,
    principal: Principal,
    Params(params): Params<ReceiptsParams>,
) -> Result<Json<ReceiptList>, Problem> {
    listed(&state, &principal, params).await.map(Json)
}

/// Lists receipts that the caller may see.
pub(crate) async fn listed(
    state: &AppState,
    principal: &Principal,
    params: ReceiptsParams,
) -> Result<ReceiptList, Problem> {
    let limit = limit(params.limit.as_deref(), LIMIT)?;
    let mut filter = ReceiptFilter {
        whose: principal.seen_receipts(),
        job: params.job.as_deref().map(job).transpose()?,
        since: params.since.as_deref().map(|text| time("since", text)).transpose()?,
        after: params.after.as_deref().map(cursor).transpose()?,
        limit: limit + 1,
    };
    let (mut receipts, mut more) = (Vec::new(), true);
    for _ in 0..READS {
        let read = state.ledger().receipts(&filter).await?;
        more = read.len() > limit as usize;
        filter.after = read.last().map(|row| row.id).or(filter.after);
        receipts.extend(within(state, principal, read).await?);
        if !more || receipts.len() > limit as usize {
            break;
        }
    }
    let (receipts, next) = page::cut(receipts, limit, |row| row.id.to_string());
    let next = next.or_else(|| filter.after.filter(|_| more).map(|id| id.to_string()));
    let receipts = receipts.into_iter().map(ListedReceipt::from).collect();
    Ok(ReceiptList { receipts, next })
}

fn job(text: &str) -> Result<JobId, Problem> {
    text.parse()
        .map_err(|_| Problem::invalid("job", "write the id of a job"))
}

fn cursor(text: &str) -> Result<Uuid, Problem> {
    text.parse()
        .map_err(|_| Problem::invalid("after", "write the `next` of the page before"))
}
