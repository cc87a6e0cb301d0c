//! Ending partitions that will not run: cancelled, given up, or beyond a limit.

use std::collections::{BTreeSet, HashMap};

use serde_json::{Value, json};
use sqlx::{AnyConnection, Row};

use crate::job::{JobId, Outcome, StoreKind};
use crate::ledger::db::{Inner, LedgerError, rows};
use crate::ledger::partition_state::PartitionState;
use crate::ledger::totals::{Increment, TotalsMetric};
use crate::ledger::types::Kind;

/// The partitions to end without running, and their end.
pub(in crate::ledger) struct Close {
    /// The condition on `partitions`.
    pub(in crate::ledger) from: String,
    /// The state they end in.
    pub(in crate::ledger) to: PartitionState,
    /// The outcome of their remaining memories.
    pub(in crate::ledger) outcome: Outcome,
    /// Whether their jobs are by subject or query. The memories of such jobs count as selected only when
    /// they are accounted for.
    pub(in crate::ledger) unlisted: bool,
    /// The most partitions to end.
    pub(in crate::ledger) most: i64,
}

impl Close {
    /// No bound on the number of partitions.
    pub(in crate::ledger) const ALL: i64 = i64::MAX;
}

/// The result of ending partitions.
#[derive(Default)]
pub(in crate::ledger) struct Closed {
    pub(in crate::ledger) increments: Vec<Increment>,
    /// The number of ended partitions, by job.
    pub(in crate::ledger) jobs: HashMap<JobId, i64>,
    /// The routes of the ended partitions, by job.
    pub(in crate::ledger) routes: HashMap<JobId, BTreeSet<String>>,
}

/// The end of partitions that do not run: their state, and the outcome of their remaining memories.
pub(in crate::ledger) type Ending = (PartitionState, Outcome);

/// The end of cancelled partitions.
pub(in crate::ledger) const LEFT: Ending = (PartitionState::Cancelled, Outcome::Left);

/// The end of failed partitions.
pub(in crate::ledger) const FAILED: Ending = (PartitionState::Failed, Outcome::Failed);

impl Closed {
    /// Adds the result of ending other partitions.
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

/// Ends the partitions of `jobs` that meet `from`. The flag of a job says whether it is by subject or query. `most`
/// bounds the partitions of either kind.
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
/// A partition that a worker is just claiming is skipped: it stays with that worker. Waiting for it could
/// deadlock: a claim locks partitions and then their jobs, and the caller may hold the job's lock.
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
