//! Inserting partitions, and their weights in the queue.

use serde_json::{Value, json};
use sqlx::AnyConnection;

use super::new_job::NewJob;
use crate::job::{JobId, StoreKind};
use crate::ledger::db::{Inner, LedgerError};
use crate::ledger::partition_state::PartitionState;
use crate::ledger::types::{NewPartition, Work};

/// Returns a job's partitions as rows for [`insert_partitions`].
pub(super) fn partition_rows(id: JobId, first: i64, state: PartitionState, job: &NewJob) -> Vec<Value> {
    let shares_calls =
        job.partitions.len() == 1 && first == 0 && job.per_second.is_none() && !job.dry_run && job.expect.is_none();
    let mut rows = rows_of(id, first, state, &job.partitions, shares_calls, job.not_before, None);
    for row in rows.iter_mut().filter(|_| shares_calls) {
        row["principal"] = json!(job.scope.principal);
    }
    rows
}

/// Returns partitions as rows for [`insert_partitions`], numbered from `first`.
pub(in crate::ledger) fn rows_of(
    id: JobId,
    first: i64,
    state: PartitionState,
    partitions: &[NewPartition],
    shares_calls: bool,
    due_at: Option<i64>,
    snapshot: Option<&str>,
) -> Vec<Value> {
    (first..)
        .zip(partitions)
        .map(|(ordinal, partition)| {
            let small = matches!(&partition.work, Work::Ids(ids) if ids.len() <= SHARED_CALL_IDS);
            json!({
                "job": id, "ordinal": ordinal, "kind": partition.kind.as_str(), "target": partition.route.target,
                "table": partition.route.table, "route": partition.route.to_string(),
                "stores": stores_text(&partition.stores),
                "weight": if small && shares_calls { 0 } else if partitions.len() == 1 && first == 0 { 1 } else { weight(ordinal) },
                "state": state.as_str(), "alias": partition.alias, "work": json!(partition.work).to_string(), "remaining": partition.remaining,
                "due_at": due_at, "reads_back": i64::from(reads_back(&partition.work)),
                "snapshot": snapshot,
            })
        })
        .collect()
}

/// The weight of a small partition whose caller has few unfinished jobs.
pub(in crate::ledger) const LIGHTEST: i64 = -1;

/// The largest weight of a partition.
pub(in crate::ledger) const HEAVIEST: i64 = 6;

/// The most unfinished jobs of a quiet caller. Small jobs of quiet callers go before small jobs of callers
/// that have more unfinished jobs.
// About as many as share one call. The check reads at most that many entries of an index.
const FEW: usize = 100;

/// Returns the weight of one of many partitions, which grows with its ordinal. So the first partitions of
/// a job go before the rest of a larger job, however long that rest has been waiting.
fn weight(ordinal: i64) -> i64 {
    let before = ordinal.unsigned_abs().saturating_add(1);
    i64::from(2 + before.ilog(8)).min(HEAVIEST)
}

/// Returns whether a partition is read back: it names the job's own selection, not a part that a plan cut.
fn reads_back(work: &Work) -> bool {
    match work {
        // An empty list is the plan of a query that matches nothing.
        Work::Ids(ids) => !ids.is_empty(),
        // The points that a plan listed are the whole selection of the query.
        Work::Subject | Work::Query | Work::Listed(_) => true,
        Work::Range { .. } | Work::Points => false,
    }
}

/// The most ids of a partition that shares calls with others.
// Ten such partitions fit into one batch of the default size, so they share its calls.
const SHARED_CALL_IDS: usize = 100;

fn stores_text(stores: &[StoreKind]) -> String {
    stores.iter().map(|store| store.as_str()).collect::<Vec<_>>().join(",")
}

/// Inserts partitions. `rows` are rows of [`rows_of`].
pub(in crate::ledger) async fn insert_partitions(
    inner: &Inner,
    tx: &mut AnyConnection,
    rows: &[Value],
) -> Result<(), LedgerError> {
    if rows.is_empty() {
        return Ok(());
    }
    sqlx::query(inner.sql(&format!(
        "-- ledger::accept partitions
        WITH busy AS MATERIALIZED (
            SELECT principal FROM (SELECT DISTINCT e.value->>'principal' AS principal FROM {{each}}) AS callers
            WHERE EXISTS (SELECT 1 FROM jobs WHERE ended_at IS NULL AND held_at IS NULL AND not_before <= (SELECT {{now}})
                AND jobs.principal = callers.principal LIMIT 1 OFFSET {FEW})
        )
        INSERT INTO partitions (job_id, ordinal, kind, target, table_name, route, stores, weight, state, alias, work,
            size, remaining, due_at, reads_back, snapshot)
        SELECT e.value->>'job', CAST(e.value->>'ordinal' AS BIGINT), e.value->>'kind', e.value->>'target',
            e.value->>'table', e.value->>'route', e.value->>'stores',
            CASE WHEN CAST(e.value->>'weight' AS BIGINT) = 0 AND e.value->>'principal' IS NOT NULL
                AND NOT EXISTS (SELECT 1 FROM busy WHERE busy.principal = e.value->>'principal')
                THEN {LIGHTEST} ELSE CAST(e.value->>'weight' AS BIGINT) END,
            e.value->>'state', CAST(e.value->>'alias' AS BIGINT), e.value->>'work', CAST(e.value->>'remaining' AS BIGINT),
            CAST(e.value->>'remaining' AS BIGINT), COALESCE(CAST(e.value->>'due_at' AS BIGINT), {{now}}), CAST(e.value->>'reads_back' AS BIGINT), e.value->>'snapshot'
        FROM {{each}}"
    )))
    // Without a copy of the rows: they have all ids.
    .bind(serde_json::to_string(rows).expect("JSON values are JSON"))
    .execute(tx)
    .await?;
    Ok(())
}
