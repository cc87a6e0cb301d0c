//! The last part of beginning another attempt: its size, what the earlier attempts did, and the totals.

use serde_json::json;
use sqlx::{AnyConnection, Row};

use super::settled::{Open, count};
use crate::job::SelectorKind;
use crate::ledger::db::{Inner, LedgerError, rows};
use crate::ledger::totals::{Increment, TotalsMetric};
use crate::ledger::views::{Attempt, JobView, counts_in};

/// Stores the size of the next attempt, the earlier attempts, and the counts that the next one begins with. Adds its
/// memories to the totals, and the job itself as often as it is `accepted` by this. Call it last: others of this process
/// wait for the totals.
///
/// `view` is the job before. Its partitions for the memories in `which` are due already.
pub(in crate::ledger::ending) async fn finish(
    inner: &Inner,
    tx: &mut AnyConnection,
    view: &JobView,
    which: Open,
    accepted: u64,
) -> Result<(), LedgerError> {
    let id = view.id.to_string();
    let settled = count(inner, tx, &id, which).await?;
    sqlx::query(inner.sql(
        "-- ledger::retry size
        UPDATE jobs SET unfinished = (SELECT COUNT(*) FROM partitions WHERE job_id = jobs.id AND state || '' = {partition.due}),
            settled = $2, selected = $2 +
                (SELECT CAST(COALESCE(SUM(remaining), 0) AS BIGINT) FROM partitions WHERE job_id = jobs.id AND state || '' = {partition.due})
        WHERE id = $1",
    ))
    .bind(&id)
    .bind(settled)
    .execute(&mut *tx)
    .await?;
    let carried = counts_in(inner, tx, &json!([{"id": id}]).to_string())
        .await?
        .remove(&id);
    let mut attempts = view.attempts.clone();
    if attempts.is_empty() {
        attempts.push(Attempt::first(view));
    }
    sqlx::query(inner.sql("-- ledger::retry attempts\nUPDATE jobs SET attempts = $2, carried = $3 WHERE id = $1"))
        .bind(&id)
        .bind(json!(attempts).to_string())
        .bind(json!(carried.unwrap_or_default()).to_string())
        .execute(&mut *tx)
        .await?;
    let mut increments = vec![Increment::new(TotalsMetric::Accepted, "", None, "", accepted)];
    // Other memories are selected when they are accounted for.
    if view.kind == SelectorKind::Ids.as_str() {
        increments.extend(selected(inner, tx, &id).await?);
    }
    inner.add_totals(tx, increments).await
}

/// Returns the memories that the due partitions of a job select.
async fn selected(inner: &Inner, tx: &mut AnyConnection, id: &str) -> Result<Vec<Increment>, LedgerError> {
    let sizes = sqlx::query(inner.sql(
        "-- ledger::retry totals
        SELECT target, stores, CAST(SUM(remaining) AS BIGINT) AS n FROM partitions
        WHERE job_id = $1 AND kind = {kind.erase} AND state || '' = {partition.due} GROUP BY target, stores",
    ))
    .bind(id)
    .fetch_all(tx)
    .await?;
    let mut increments = Vec::new();
    for row in &sizes {
        let target: String = row.try_get("target")?;
        for store in rows::stores(row)? {
            let n = rows::number(row, "n")?;
            increments.push(Increment::new(TotalsMetric::Selected, &target, Some(store), "", n));
        }
    }
    Ok(increments)
}
