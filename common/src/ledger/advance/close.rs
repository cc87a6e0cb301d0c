//! Ending partitions that will not run: cancelled, given up, or beyond a limit.

use std::collections::{BTreeSet, HashMap};

use serde_json::{Value, json};
use sqlx::{AnyConnection, Row};

use crate::job::{JobId, Outcome, StoreKind};
use crate::ledger::db::{Inner, LedgerError, rows};
use crate::ledger::partition_state::PartitionState;
use crate::ledger::totals::{Increment, TotalsMetric};
use crate::ledger::types::Kind;

/// How partitions are ended without running.
pub(in crate::ledger) struct Close {
    /// Which: a condition on `partitions`.
    pub(in crate::ledger) from: String,
    /// The state they end in.
    pub(in crate::ledger) to: PartitionState,
    /// What becomes of what remains of them.
    pub(in crate::ledger) outcome: Outcome,
    /// Whether their jobs are by subject or query, whose memories count as selected when they are
    /// accounted for.
    pub(in crate::ledger) unlisted: bool,
    /// The most partitions to end.
    pub(in crate::ledger) most: i64,
}

impl Close {
    /// However many there are.
    pub(in crate::ledger) const ALL: i64 = i64::MAX;
}

/// What ending partitions did.
#[derive(Default)]
pub(in crate::ledger) struct Closed {
    pub(in crate::ledger) increments: Vec<Increment>,
    /// How many partitions of each job.
    pub(in crate::ledger) jobs: HashMap<JobId, i64>,
    /// The routes of those of each job.
    pub(in crate::ledger) routes: HashMap<JobId, BTreeSet<String>>,
}

/// What becomes of partitions that end without running: their state, and the outcome of what remains of them.
pub(in crate::ledger) type Ending = (PartitionState, Outcome);

/// They were cancelled.
pub(in crate::ledger) const LEFT: Ending = (PartitionState::Cancelled, Outcome::Left);

/// They could not be carried out.
pub(in crate::ledger) const FAILED: Ending = (PartitionState::Failed, Outcome::Failed);

impl Closed {
    /// Adds what ended others.
    pub(in crate::ledger) fn add(&mut self, other: Self) {
        self.increments.extend(other.increments);
        for (job, n) in other.jobs {
            *self.jobs.entry(job).or_insert(0) += n;
        }
        for (job, routes) in other.routes {
            self.routes.entry(job).or_default().extend(routes);
        }
    }
}

/// Ends partitions of jobs, each with whether it is by subject or query: those that meet `from`, at most so many of
/// either.
pub(in crate::ledger) async fn close_of(
    inner: &Inner,
    tx: &mut AnyConnection,
    jobs: &[(JobId, bool)],
    from: &str,
    (to, outcome): Ending,
    most: i64,
) -> Result<Closed, LedgerError> {
    let mut all = Closed::default();
    for unlisted in [false, true] {
        let ids: Vec<Value> = jobs
            .iter()
            .filter(|(_, is_unlisted)| *is_unlisted == unlisted)
            .map(|(id, _)| json!({"id": id}))
            .collect();
        let close = Close {
            from: from.to_owned(),
            to,
            outcome,
            unlisted,
            most,
        };
        all.add(close_partitions(inner, tx, &json!(ids).to_string(), &close).await?);
    }
    Ok(all)
}

/// Ends partitions of the jobs in `ids` without running them.
///
/// One that is being claimed at this moment is left to its worker. To wait for it would be to wait
/// in a circle: claiming locks partitions and then their jobs, and our caller may have the job.
pub(in crate::ledger) async fn close_partitions(
    inner: &Inner,
    tx: &mut AnyConnection,
    ids: &str,
    close: &Close,
) -> Result<Closed, LedgerError> {
    if ids == "[]" {
        return Ok(Closed::default());
    }
    let closed = sqlx::query(inner.sql(&format!(
        "-- ledger::advance close
        WITH closing AS MATERIALIZED (
            SELECT job_id, ordinal FROM partitions
            WHERE {} AND job_id {{in_ids}} LIMIT {} {{skip_locked}}
        )
        UPDATE partitions SET state = {{partition.{}}}, lease_token = lease_token + 1
        WHERE (job_id, ordinal) IN (SELECT job_id, ordinal FROM closing)
        RETURNING job_id, kind, target, route, stores, remaining",
        close.from,
        close.most,
        close.to.as_str()
    )))
    .bind(ids)
    .fetch_all(tx)
    .await?;
    let mut result = Closed::default();
    for row in &closed {
        let job = rows::parsed(row, "partitions", "job_id")?;
        *result.jobs.entry(job).or_insert(0) += 1;
        result.routes.entry(job).or_default().insert(row.try_get("route")?);
        if rows::says(row, "kind", Kind::Preview)? {
            continue;
        }
        let (target, n): (String, u64) = (row.try_get("target")?, rows::number(row, "remaining")?);
        for store in rows::stores(row)? {
            let total = |metric, store: StoreKind, outcome| Increment::new(metric, &target, Some(store), outcome, n);
            result
                .increments
                .push(total(TotalsMetric::Memories, store, close.outcome.as_str()));
            if close.unlisted {
                result.increments.push(total(TotalsMetric::Selected, store, ""));
            }
        }
    }
    Ok(result)
}
