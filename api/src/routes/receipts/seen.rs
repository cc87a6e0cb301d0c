//! The receipts that a caller may see: those of the jobs that it may see, also after such a job was deleted. With the scope
//! `receipts:read` a caller sees them without seeing jobs.

use lethe_common::job::JobId;
use lethe_common::ledger::ReceiptRow;
use uuid::Uuid;

use crate::auth::Principal;
use crate::http::problem::Problem;
use crate::state::AppState;

/// Returns a receipt that the caller may see.
pub(crate) async fn seen(state: &AppState, principal: &Principal, id: Uuid) -> Result<ReceiptRow, Problem> {
    let row = state.ledger().receipt(id).await?;
    let seen = within(state, principal, row.into_iter().collect()).await?.pop();
    // Another caller's receipt is answered as one that does not exist, so ids reveal nothing.
    seen.ok_or_else(Problem::unknown_receipt)
}

/// Returns the receipts that the caller may see within its bounds. A new key under an old name may be bound to another
/// person.
pub(super) async fn within(
    state: &AppState,
    principal: &Principal,
    mut rows: Vec<ReceiptRow>,
) -> Result<Vec<ReceiptRow>, Problem> {
    // A forgotten receipt no longer tells its targets. A caller bound to some of them does not see it.
    let reaches_any = principal.reaches_every_target();
    rows.retain(|row| principal.sees_receipt_of(&row.principal, &row.targets) && (reaches_any || !row.is_forgotten));
    if rows.is_empty() || !principal.is_bound_inside() {
        return Ok(rows);
    }
    let jobs: Vec<JobId> = rows.iter().map(|row| row.job).collect();
    let aims = state.ledger().aims(&jobs).await?;
    // The ledger forgot whose memories the other jobs were about. Their receipts name no person.
    rows.retain(|row| aims.get(&row.job).is_none_or(|aim| principal.is_within(aim)));
    Ok(rows)
}
