//! The statements that take due partitions.

use sqlx::any::AnyRow;
use sqlx::{AnyConnection, SqlStr};

use super::jobs::start_text;
use crate::ledger::db::{Inner, LedgerError};
use crate::ledger::operation::REVISION;
use crate::ledger::types::{AloneFirst, Claim, Lapsed, SmallFirst};
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

/// Returns the kinds of partitions of a claim, with at most `small` and `alone` partitions.
pub(super) fn wanted(claim: &Claim<'_>, small: u32, alone: u32) -> Vec<Wanted<'static>> {
    let of_weight = |which, order| Wanted {
        which,
        order,
        limit: small,
    };
    let mut wanted = Vec::new();
    if small > 0 && claim.small_first == SmallFirst::OfMany {
        wanted.push(of_weight("weight = 0 AND state = {partition.due}", "due_at"));
        // The kind before this one is `due0`.
        wanted.push(of_weight(
            "weight <= 0 AND state = {partition.due} AND NOT EXISTS (SELECT 1 FROM due0)",
            "weight, due_at",
        ));
    } else if small > 0 {
        wanted.push(of_weight("weight <= 0 AND state = {partition.due}", "weight, due_at"));
    }
    if alone > 0 {
        wanted.push(Wanted {
            which: "(weight > 0 OR state = {partition.running})",
            order: match claim.alone_first {
                AloneFirst::Oldest => "due_at",
                AloneFirst::Lightest => "weight, due_at",
            },
            limit: alone,
        });
    }
    wanted
}

/// The jobs of the partitions in `claimed`, as a list like the one in `$1` of other statements: as there, PostgreSQL
/// expects a hundred. It is sorted by id, so that two claims that lock the same jobs do not deadlock.
const STARTING: &str = "SELECT COALESCE(jsonb_agg(jsonb_build_object('id', job_id, 'plans', plans) ORDER BY job_id {bytes}), '[]'::jsonb) AS list
            FROM (SELECT job_id, MAX(CASE WHEN kind IN ({kind.check}, {kind.plan}) THEN 1 ELSE 0 END) AS plans
                FROM claimed GROUP BY job_id) AS each_job";

/// Takes due partitions of one mapping, as [`take`] does, and starts their jobs, in one statement. The row of a partition
/// has the facts of its job too, if this claim has started the job.
// The list of jobs is complete before the first job is locked. So partitions are locked before jobs, as in a transaction.
pub(super) async fn take_and_start(
    inner: &Inner,
    connection: &mut AnyConnection,
    claim: &Claim<'_>,
    route: &Route,
    all: &[Wanted<'_>],
) -> Result<Vec<AnyRow>, LedgerError> {
    let (due, taking) = texts(all);
    let each = "jsonb_array_elements((SELECT list FROM starting)) AS e(value)";
    let text = inner.sql(&format!(
        "-- ledger::claim and start
        WITH {due}, claimed AS (
        {taking}
        ), starting AS MATERIALIZED (
            {STARTING}
        ), started AS (
        {start}
        )
        SELECT claimed.*, started.* FROM claimed LEFT JOIN started ON started.id = claimed.job_id",
        start = start_text(each, &format!("= ANY (ARRAY(SELECT e.value->>'id' FROM {each}))")),
    ));
    run(inner, connection, text, claim, route, all).await
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
    let (due, taking) = texts(all);
    let text = inner.sql(&format!("-- ledger::claim\n        WITH {due}\n        {taking}"));
    run(inner, tx, text, claim, route, all).await
}

/// Returns the common table expressions that find due partitions, and the statement that takes these partitions.
fn texts(all: &[Wanted<'_>]) -> (String, String) {
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
    let taking = format!(
        "UPDATE partitions SET
            rescues = rescues + CASE WHEN state = {{partition.running}} THEN $3 ELSE 0 END,
            state = {{partition.running}}, lease_token = lease_token + 1, due_at = {{now}} + $4, worker = $5
        WHERE (job_id, ordinal) IN ({found})
        RETURNING job_id, ordinal, kind, route, stores, weight, alias, work, progress, snapshot, intent, remaining, lease_token,
            rescues, failures, CAST(CASE WHEN $3 = 1 AND (job_id, ordinal) IN ({expired}) THEN 1 ELSE 0 END AS BIGINT) AS taken_over"
    );
    (each.join(", "), taking)
}

async fn run(
    inner: &Inner,
    connection: &mut AnyConnection,
    text: SqlStr,
    claim: &Claim<'_>,
    route: &Route,
    all: &[Wanted<'_>],
) -> Result<Vec<AnyRow>, LedgerError> {
    let lease_ms = i64::try_from(inner.options.lease.as_millis()).unwrap_or(i64::MAX / 4);
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
    Ok(claiming.fetch_all(connection).await?)
}
