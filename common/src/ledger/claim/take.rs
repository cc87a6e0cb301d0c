//! The statement that takes due partitions.

use serde_json::{Value, json};
use sqlx::AnyConnection;
use sqlx::any::AnyRow;

use crate::ledger::db::{Inner, LedgerError};
use crate::ledger::operation::REVISION;
use crate::ledger::types::{Claim, Lapsed};

/// Whether nothing keeps a partition from being planned. A plan of a later attempt sees what a batch that had begun
/// has not deleted yet: both would count it.
// A value and no `EXISTS`: PostgreSQL could read the unfinished partitions of all jobs to answer that. A first attempt
// has no such batch, and may have many partitions.
const PLANNABLE: &str = "CASE WHEN kind = {kind.plan} AND (SELECT attempt FROM jobs WHERE jobs.id = partitions.job_id) > 1
                THEN (SELECT b.ordinal FROM partitions b
                    WHERE b.job_id = partitions.job_id AND b.kind = {kind.erase} AND b.state IN ({partition.due}, {partition.running}) LIMIT 1) IS NULL
                ELSE TRUE END";

/// Takes partitions that are due and of which `which` holds, in this order.
pub(super) async fn take(
    inner: &Inner,
    tx: &mut AnyConnection,
    claim: &Claim<'_>,
    which: &str,
    order: &str,
    limit: u32,
) -> Result<Vec<AnyRow>, LedgerError> {
    let routes: Vec<Value> = claim
        .routes
        .iter()
        .map(|route| json!({"route": route.to_string(), "target": route.target}))
        .collect();
    // Of one target alone the queue has an index: there may be any number of another's before it.
    let target = claim.routes.first().map(|route| &route.target);
    let target = target.filter(|target| claim.routes.iter().all(|route| route.target == **target));
    let of_target = if target.is_some() { "AND target = $7" } else { "" };
    let lease_ms = i64::try_from(inner.options.lease.as_millis()).unwrap_or(i64::MAX / 4);
    // One look tells that all targets of a worker are paused: their partitions, up to a million, are not read then.
    // `IS TRUE`: PostgreSQL would make a join of a bare `IN`, and sort the whole queue for it; like
    // this it goes along the index and stops at the limit.
    let text = inner.sql(&format!(
        "-- ledger::claim
        WITH due AS MATERIALIZED (
            SELECT job_id, ordinal FROM partitions
            WHERE state IN ({{partition.due}}, {{partition.running}}) {of_target} AND {which} AND due_at <= (SELECT {{now}})
              AND (route IN (SELECT e.value->>'route' FROM {{each}})) IS TRUE
              AND (target IN (SELECT scope FROM pauses)) IS FALSE
              AND NOT EXISTS (SELECT 1 FROM pauses WHERE scope = '*')
              AND EXISTS (SELECT 1 FROM {{each}} WHERE NOT EXISTS (SELECT 1 FROM pauses WHERE scope = e.value->>'target'))
              AND {PLANNABLE} AND {REVISION} = $6
            ORDER BY {order} LIMIT $2 {{skip_locked}}
        )
        UPDATE partitions SET
            rescues = rescues + CASE WHEN state = {{partition.running}} THEN $3 ELSE 0 END,
            state = {{partition.running}}, lease_token = lease_token + 1, due_at = {{now}} + $4, worker = $5
        WHERE (job_id, ordinal) IN (SELECT job_id, ordinal FROM due)
        RETURNING job_id, ordinal, kind, route, stores, weight, alias, work, progress, snapshot, intent, remaining, lease_token,
            rescues, failures"
    ));
    let claiming = sqlx::query(text)
        .bind(json!(routes).to_string())
        .bind(i64::from(limit))
        .bind(i64::from(claim.lapsed == Lapsed::Counts))
        .bind(lease_ms)
        .bind(claim.worker)
        .bind(claim.siblings);
    let claiming = match target {
        Some(target) => claiming.bind(target),
        None => claiming,
    };
    Ok(claiming.fetch_all(tx).await?)
}
