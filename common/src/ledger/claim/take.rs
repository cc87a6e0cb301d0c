//! The statement that takes due partitions.

use sqlx::AnyConnection;
use sqlx::any::AnyRow;

use crate::ledger::db::{Inner, LedgerError};
use crate::ledger::operation::REVISION;
use crate::ledger::types::{Claim, Lapsed};
use crate::route::Route;

/// Whether a partition may be planned now. The plan of a retry waits for batches that have begun: both would count the
/// memories that such a batch has not deleted yet.
// A subquery in place of `EXISTS`: for `EXISTS` PostgreSQL could read the unfinished partitions of all jobs. A first
// attempt skips the check: it has no such batch, and may have many partitions.
const PLANNABLE: &str = "CASE WHEN kind = {kind.plan} AND (SELECT attempt FROM jobs WHERE jobs.id = partitions.job_id) > 1
                THEN (SELECT b.ordinal FROM partitions b
                    WHERE b.job_id = partitions.job_id AND b.kind = {kind.erase} AND b.state || '' IN ({partition.due}, {partition.running}) LIMIT 1) IS NULL
                ELSE TRUE END";

/// A kind of partitions to take.
pub(super) struct Wanted<'a> {
    /// The condition that they meet, besides being due.
    pub(super) which: &'a str,
    /// Their order.
    pub(super) order: &'a str,
    /// The most to take.
    pub(super) limit: u32,
}

/// Takes due partitions of one mapping: the first of each kind in `all`. No partition may be of two kinds.
// One mapping at a time: the scan reads only its part of the index, and locks only the rows that it takes. One
// statement for all mappings would lock more rows. A cancellation skips locked rows, and leaves them to a worker.
pub(super) async fn take(
    inner: &Inner,
    tx: &mut AnyConnection,
    claim: &Claim<'_>,
    route: &Route,
    all: &[Wanted<'_>],
) -> Result<Vec<AnyRow>, LedgerError> {
    let lease_ms = i64::try_from(inner.options.lease.as_millis()).unwrap_or(i64::MAX / 4);
    // The pause check runs once. If the target is paused, its partitions, up to a million, are not read.
    let due = |(n, Wanted { which, order, .. }): (usize, &Wanted<'_>)| {
        let limit = 7 + n;
        format!(
            "due{n} AS MATERIALIZED (
            SELECT job_id, ordinal, state FROM partitions
            WHERE state IN ({{partition.due}}, {{partition.running}}) AND route = $1 AND {which} AND due_at <= (SELECT {{now}})
              AND NOT EXISTS (SELECT 1 FROM pauses WHERE scope = '*' OR scope = $2)
              AND {PLANNABLE} AND {REVISION} = $6
            ORDER BY {order} LIMIT ${limit} {{skip_locked}}
        )"
        )
    };
    let each: Vec<String> = all.iter().enumerate().map(due).collect();
    let of = |which: &str| {
        let each = (0..all.len()).map(|n| format!("SELECT job_id, ordinal FROM due{n} {which}"));
        each.collect::<Vec<_>>().join(" UNION ALL ")
    };
    // `RETURNING` sees the new state. The statement reads the old one before it changes anything.
    let (found, expired) = (of(""), of("WHERE state = {partition.running}"));
    let text = inner.sql(&format!(
        "-- ledger::claim
        WITH {}
        UPDATE partitions SET
            rescues = rescues + CASE WHEN state = {{partition.running}} THEN $3 ELSE 0 END,
            state = {{partition.running}}, lease_token = lease_token + 1, due_at = {{now}} + $4, worker = $5
        WHERE (job_id, ordinal) IN ({found})
        RETURNING job_id, ordinal, kind, route, stores, weight, alias, work, progress, snapshot, intent, remaining, lease_token,
            rescues, failures, CAST(CASE WHEN $3 = 1 AND (job_id, ordinal) IN ({expired}) THEN 1 ELSE 0 END AS BIGINT) AS taken_over",
        each.join(", "),
    ));
    let mut claiming = sqlx::query(text)
        .bind(route.to_string())
        .bind(&route.target)
        .bind(i64::from(claim.lapsed == Lapsed::Counts))
        .bind(lease_ms)
        .bind(claim.worker)
        .bind(claim.siblings);
    for Wanted { limit, .. } in all {
        claiming = claiming.bind(i64::from(*limit));
    }
    Ok(claiming.fetch_all(tx).await?)
}
