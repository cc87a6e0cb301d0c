//! A look at the jobs whose limit may have passed. It ends the jobs whose limit has passed.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};
use sqlx::AnyConnection;

use super::clock::{Idle, stops};
use super::codes::Served;
use super::find::{Which, idle_jobs};
use crate::job::JobId;
use crate::ledger::advance;
use crate::ledger::advance::JobChange;
use crate::ledger::advance::close::{self, Closed, FAILED, LEFT};
use crate::ledger::db::{Inner, Ledger, LedgerError};
use crate::ledger::types::JobEnd;

/// The most jobs that one step reads.
// The transaction stays well below a second. SQLite blocks all other writers meanwhile.
const STEP: i64 = 500;

/// The most partitions that one step fails.
const PARTITIONS: i64 = 2_000;

/// The milliseconds until the next look at a job whose limit has passed while all of its partitions run.
// A worker ends or releases each partition when its call to the store is over.
const AGAIN_MS: i64 = 1_000;

/// The condition for waiting partitions: due ones, and running ones whose lease has expired.
// A partition under a lease belongs to its worker, which may be in the middle of a batch.
// `|| ''` as in `HELD`: such partitions are found by their jobs.
const WAITING: &str = "(state || '' = {partition.due} OR state || '' = {partition.running} AND due_at <= {now})";

/// The result of giving up.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GivenUp {
    /// The jobs that changed.
    pub jobs: Vec<JobId>,
    /// The jobs that ended.
    pub ended: Vec<JobEnd>,
    /// Whether the limit of more jobs may have passed.
    pub more: bool,
    /// The time for which no job can reach its limit. It is zero while any job has a clock. Otherwise it is the limit:
    /// the clock of a later job begins later.
    pub quiet: Duration,
}

impl Ledger {
    /// Fails the waiting partitions of jobs whose limit has passed: a bounded number, however many jobs are queued.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Unavailable`] if the database did not answer. A repeated call does the rest.
    pub async fn give_up(&self) -> Result<GivenUp, LedgerError> {
        let limit_ms = i64::try_from(self.inner.options.give_up_after.as_millis()).unwrap_or(i64::MAX / 4);
        let Some(found) = self.idle_targets(limit_ms).await? else {
            return Ok(GivenUp {
                quiet: self.inner.options.give_up_after,
                ..GivenUp::default()
            });
        };
        let mut given_up = GivenUp::default();
        if found.is_empty() {
            return Ok(given_up);
        }
        let served = self.served().await?;
        for targets in found {
            let look = Look {
                inner: &self.inner,
                targets: &targets,
                limit_ms,
                served: &served,
            };
            let step = match look.step(None).await {
                Err(error) if error.is_refusal() => look.one_by_one().await?,
                step => step?,
            };
            given_up.jobs.extend(step.jobs);
            given_up.ended.extend(step.ended);
            given_up.more |= step.more;
        }
        Ok(given_up)
    }
}

/// A look at the jobs of the same targets.
struct Look<'a> {
    inner: &'a Inner,
    targets: &'a str,
    limit_ms: i64,
    served: &'a Served,
}

impl Look<'_> {
    /// Looks at the longest idle jobs, or only at the job `alone`.
    async fn step(&self, alone: Option<JobId>) -> Result<GivenUp, LedgerError> {
        let mut tx = self.inner.begin().await?;
        let given_up = self.end_idle(&mut tx, alone).await;
        // Explicitly, since a dropped transaction rolls back only later: the next look would skip the locked jobs.
        match given_up {
            Ok(_) => tx.commit().await?,
            Err(_) => tx.rollback().await?,
        }
        given_up
    }

    async fn end_idle(&self, tx: &mut AnyConnection, alone: Option<JobId>) -> Result<GivenUp, LedgerError> {
        let (inner, limit_ms) = (self.inner, self.limit_ms);
        let idle = self.idle(tx, alone).await?;
        let Some(first) = idle.iter().map(|job| job.since).min() else {
            return Ok(GivenUp::default());
        };
        let pauses = stops(inner, tx, self.targets, first).await?;
        let (mut over, mut later) = (Vec::new(), BTreeMap::new());
        for job in &idle {
            let idle_ms = job.idle_ms(&pauses);
            if idle_ms >= limit_ms {
                over.push(job);
            } else {
                later.insert(job.id, job.now - idle_ms + job.opens_in_ms());
            }
        }
        let Ended { left, failed } = end(inner, tx, &over).await?;
        let mut changes = Vec::new();
        for job in &over {
            let [left_n, failed_n] = [&left, &failed].map(|ended| ended.jobs.get(&job.id).copied().unwrap_or(0));
            if left_n + failed_n == 0 {
                later.insert(job.id, job.now - limit_ms + AGAIN_MS);
                continue;
            }
            let mut change = JobChange::new(job.id);
            (change.ended, change.failures) = (left_n + failed_n, failed_n);
            if failed_n > 0 {
                change.code = self.served.code(job, failed.routes.get(&job.id), &idle);
            }
            changes.push(change);
        }
        let jobs = advance::update_jobs(inner, tx, &changes).await?;
        let advanced = advance::advance(inner, tx, jobs, &[]).await?;
        look_later(inner, tx, &later).await?;
        let partitions: i64 = left.jobs.values().chain(failed.jobs.values()).sum();
        let closed = left.increments.into_iter().chain(failed.increments);
        inner.add_totals(tx, closed.chain(advanced.totals)).await?;
        Ok(GivenUp {
            jobs: changes.iter().map(|change| change.id).collect(),
            ended: advanced.ended.into_values().collect(),
            more: i64::try_from(idle.len()).unwrap_or(STEP) >= STEP || partitions >= PARTITIONS,
            ..GivenUp::default()
        })
    }

    /// Looks at the longest idle jobs one by one. A job that the ledger refuses is skipped until
    /// its limit has passed once more, so that the others end.
    async fn one_by_one(&self) -> Result<GivenUp, LedgerError> {
        let mut tx = self.inner.begin().await?;
        let idle = self.idle(&mut tx, None).await?;
        tx.rollback().await?;
        let mut all = GivenUp {
            more: i64::try_from(idle.len()).unwrap_or(STEP) >= STEP,
            ..GivenUp::default()
        };
        let mut later = BTreeMap::new();
        for job in &idle {
            match self.step(Some(job.id)).await {
                Ok(step) => {
                    all.jobs.extend(step.jobs);
                    all.ended.extend(step.ended);
                    all.more |= step.more;
                }
                Err(error) if error.is_refusal() => {
                    tracing::error!(job.id = %job.id, error = %error, "a job cannot be given up");
                    later.insert(job.id, job.now);
                }
                Err(error) => return Err(error),
            }
        }
        let mut tx = self.inner.begin().await?;
        look_later(self.inner, &mut tx, &later).await?;
        tx.commit().await?;
        Ok(all)
    }

    async fn idle(&self, tx: &mut AnyConnection, alone: Option<JobId>) -> Result<Vec<Idle>, LedgerError> {
        let which = Which {
            targets: self.targets,
            limit_ms: self.limit_ms,
            alone,
            most: STEP,
        };
        idle_jobs(self.inner, tx, which).await
    }
}

/// The result of ending waiting partitions.
struct Ended {
    /// Partitions of cancelled jobs that had not begun. No worker will try them.
    left: Closed,
    failed: Closed,
}

/// Ends the waiting partitions of jobs.
async fn end(inner: &Inner, tx: &mut AnyConnection, jobs: &[&Idle]) -> Result<Ended, LedgerError> {
    let (cancelling, others): (Vec<&Idle>, Vec<&Idle>) = jobs.iter().copied().partition(|job| job.cancelling);
    let [cancelling, others] =
        [cancelling, others].map(|jobs| jobs.iter().map(|job| (job.id, job.unlisted)).collect::<Vec<_>>());
    let [new, begun] = ["intent IS NULL", "intent IS NOT NULL"].map(|which| format!("{WAITING} AND {which}"));
    let left = close::close_of(inner, tx, &cancelling, &new, LEFT, PARTITIONS).await?;
    let mut failed = close::close_of(inner, tx, &cancelling, &begun, FAILED, PARTITIONS).await?;
    failed.add(close::close_of(inner, tx, &others, WAITING, FAILED, PARTITIONS).await?);
    Ok(Ended { left, failed })
}

/// Sets `idle_since` of jobs: the exact start of their idle time, or a time that brings the next look.
async fn look_later(inner: &Inner, tx: &mut AnyConnection, later: &BTreeMap<JobId, i64>) -> Result<(), LedgerError> {
    if later.is_empty() {
        return Ok(());
    }
    let list: Vec<Value> = later
        .iter()
        .map(|(id, since)| json!({"id": id, "since": since}))
        .collect();
    sqlx::query(inner.sql(
        "-- ledger::give_up later
        UPDATE jobs SET idle_since = CAST(e.value->>'since' AS BIGINT) FROM {each} WHERE jobs.id = e.value->>'id' AND jobs.id {in_ids}",
    ))
    .bind(json!(list).to_string())
    .execute(tx)
    .await?;
    Ok(())
}
