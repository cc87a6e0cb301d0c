//! Claiming: the exclusive right to partitions that are due, for the time of a lease.
//!
//! A partition has one time from which anybody may claim it, `due_at`: its next attempt while it
//! is due, the end of its lease while it runs. So taking over from a worker that died needs no
//! other mechanism than claiming.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Instant;

use serde_json::{Value, json};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row};

use crate::error_code::ErrorCode;
use crate::job::JobId;
use crate::ledger::accept::{HEAVIEST, LIGHTEST};
use crate::ledger::db::{Inner, Ledger, LedgerError, Moves, rows};
use crate::ledger::operation::REVISION;
use crate::ledger::types::{Ahead, Claim, JobFacts, Kind, Lease};
use crate::state::{Event, State};

/// Whether nothing keeps a partition from being planned. A plan of a later attempt sees what a batch that had begun
/// has not deleted yet: both would count it.
// A value and no `EXISTS`: PostgreSQL could read the unfinished partitions of all jobs to answer that. A first attempt
// has no such batch, and may have many partitions.
const PLANNABLE: &str = "CASE WHEN kind = {kind.plan} AND (SELECT attempt FROM jobs WHERE jobs.id = partitions.job_id) > 1
                THEN (SELECT b.ordinal FROM partitions b
                    WHERE b.job_id = partitions.job_id AND b.kind = {kind.erase} AND b.state IN ({partition.due}, {partition.running}) LIMIT 1) IS NULL
                ELSE TRUE END";

impl Ledger {
    /// Claims partitions that are due: small ones, which may share calls, and others.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Unavailable`] if the database did not answer. What it may have claimed comes
    /// back when the leases end.
    pub async fn claim(&self, claim: &Claim<'_>) -> Result<Vec<Lease>, LedgerError> {
        if claim.routes.is_empty() {
            return Ok(Vec::new());
        }
        let inner = &self.inner;
        // Before the statement: the lease must not last longer here than in the ledger.
        let until = Instant::now() + inner.options.lease;
        let mut tx = inner.begin().await?;
        let mut rows = Vec::new();
        if claim.small > 0 && claim.many_first {
            let which = "weight = 0 AND state = {partition.due}";
            rows = take(inner, &mut tx, claim, which, "due_at", claim.small).await?;
        }
        if claim.small > 0 && rows.is_empty() {
            rows = take(
                inner,
                &mut tx,
                claim,
                "weight <= 0 AND state = {partition.due}",
                "weight, due_at",
                claim.small,
            )
            .await?;
        }
        if claim.alone > 0 {
            let order = if claim.oldest_first { "due_at" } else { "weight, due_at" };
            rows.extend(
                take(
                    inner,
                    &mut tx,
                    claim,
                    "(weight > 0 OR state = {partition.running})",
                    order,
                    claim.alone,
                )
                .await?,
            );
        }
        if rows.is_empty() {
            tx.rollback().await?;
            return Ok(Vec::new());
        }
        let jobs = start_jobs(inner, &mut tx, &rows).await?;
        tx.commit().await?;
        let mut leases = Vec::with_capacity(rows.len());
        for row in &rows {
            match lease(row, &jobs, until, claim.siblings) {
                Ok(lease) => leases.push(lease),
                Err(error @ LedgerError::Corrupt { .. }) => self.unreadable(row, &error).await?,
                Err(error) => return Err(error),
            }
        }
        Ok(leases)
    }

    /// Deals with a claimed partition that this version cannot read.
    // It must not keep the others from being worked on. A newer version may be able to read it, so
    // its lease runs out a few times, as if its worker had died, before it is given up.
    async fn unreadable(&self, row: &AnyRow, error: &LedgerError) -> Result<(), LedgerError> {
        if rows::small_number(row, "rescues")? < self.inner.options.rescues {
            tracing::error!(error = %error, "a partition cannot be read, and waits for its lease to end");
            return Ok(());
        }
        tracing::error!(error = %error, "a partition cannot be read, and fails");
        let (job, ordinal) = rows::key(row)?;
        let token: i64 = row.try_get("lease_token")?;
        let which = format!(
            "state = {{partition.running}} AND job_id = '{job}' AND ordinal = {ordinal} AND lease_token = {token}"
        );
        self.fail(&which, Some(ErrorCode::Corrupt)).await?;
        Ok(())
    }
}

impl Ledger {
    /// Returns what a worker that has found nothing to do waits for.
    pub async fn ahead(&self) -> Result<Ahead, LedgerError> {
        // One look into the index for each weight, however long the queue is. By a time that is
        // read once: one that moves while the statement runs is no use to an index.
        let soonest = |weight| {
            format!(
                "(SELECT MIN(due_at) FROM partitions
                  WHERE weight = {weight} AND state IN ({{partition.due}}, {{partition.running}}) AND due_at > (SELECT {{now}}))"
            )
        };
        let each: Vec<String> = (LIGHTEST..=HEAVIEST)
            .map(|weight| format!("SELECT {} AS due_at", soonest(weight)))
            .collect();
        let row = sqlx::query(self.inner.sql(&format!(
            "-- ledger::ahead
            SELECT MIN(due_at) - {{now}} AS wait, {REVISION} AS siblings FROM ({}) AS soonest",
            each.join(" UNION ALL ")
        )))
        .fetch_one(&self.inner.read)
        .await?;
        let wait: Option<i64> = row.try_get("wait")?;
        Ok(Ahead {
            due_in_ms: wait.map(|wait| u64::try_from(wait).unwrap_or(0)),
            siblings: row.try_get("siblings")?,
        })
    }
}

impl Ledger {
    /// Returns which of these targets have partitions that may be claimed by their time. A claim may still find none:
    /// those of a paused target, or of a mapping that the worker does not have.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Unavailable`] if the database did not answer.
    pub async fn due(&self, targets: &[&str]) -> Result<BTreeSet<String>, LedgerError> {
        // As in `ahead`: a look into the index for each weight. As values, since a planner may turn `EXISTS` into a
        // join that reads the whole queue.
        let each: Vec<String> = (LIGHTEST..=HEAVIEST)
            .map(|weight| {
                format!(
                    "(SELECT MIN(due_at) FROM partitions
                      WHERE target = e.value->>'target' AND weight = {weight} AND state IN ({{partition.due}}, {{partition.running}}))
                     <= (SELECT {{now}})"
                )
            })
            .collect();
        let targets: Vec<Value> = targets.iter().map(|target| json!({"target": target})).collect();
        let rows = sqlx::query(self.inner.sql(&format!(
            "-- ledger::due
            SELECT e.value->>'target' AS target FROM {{each}} WHERE {}",
            each.join(" OR ")
        )))
        .bind(json!(targets).to_string())
        .fetch_all(&self.inner.read)
        .await?;
        rows.iter().map(|row| Ok(row.try_get("target")?)).collect()
    }
}

async fn take(
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
        .map(|route| json!({"route": route.to_string()}))
        .collect();
    // Of one target alone the queue has an index: there may be any number of another's before it.
    let target = claim.routes.first().map(|route| &route.target);
    let target = target.filter(|target| claim.routes.iter().all(|route| route.target == **target));
    let of_target = if target.is_some() { "AND target = $7" } else { "" };
    let lease_ms = i64::try_from(inner.options.lease.as_millis()).unwrap_or(i64::MAX / 4);
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
        .bind(i64::from(claim.count_rescues))
        .bind(lease_ms)
        .bind(claim.worker)
        .bind(claim.siblings);
    let claiming = match target {
        Some(target) => claiming.bind(target),
        None => claiming,
    };
    Ok(claiming.fetch_all(tx).await?)
}

/// Moves the jobs of claimed partitions on, and reads what their partitions share.
async fn start_jobs(
    inner: &Inner,
    tx: &mut AnyConnection,
    claimed: &[AnyRow],
) -> Result<HashMap<JobId, Arc<JobFacts>>, LedgerError> {
    // In order: another claim may lock the same jobs.
    let mut kinds: BTreeMap<JobId, bool> = BTreeMap::new();
    for row in claimed {
        let plans = rows::says(row, "kind", Kind::Check)? || rows::says(row, "kind", Kind::Plan)?;
        *kinds.entry(rows::parsed(row, "partitions", "job_id")?).or_insert(false) |= plans;
    }
    let list: Vec<Value> = kinds
        .iter()
        .map(|(id, plans)| json!({"id": id, "plans": i64::from(*plans)}))
        .collect();
    let list = json!(list).to_string();
    let (planned, started) = (Moves::of(Event::PlanStarted), Moves::of(Event::Started));
    let first = sqlx::query(inner.sql(&format!(
        "-- ledger::claim start
        UPDATE jobs SET version = version + 1, started_at = COALESCE(started_at, {{now}}),
            state = CASE WHEN CAST(e.value->>'plans' AS BIGINT) = 1 OR attempt > 1 AND EXISTS (
                    SELECT 1 FROM partitions p WHERE p.job_id = jobs.id AND p.kind = {{kind.plan}} AND p.state IN ({{partition.due}}, {{partition.running}}))
                THEN {} ELSE {} END
        FROM {{each}} WHERE jobs.id = e.value->>'id' AND state IN ({})
        RETURNING jobs.id",
        planned.to, started.to, started.from
    )))
    .bind(&list)
    .fetch_all(&mut *tx)
    .await?;
    let first: Vec<String> = first.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?;
    let facts = sqlx::query(inner.sql(
        "-- ledger::claim jobs
        SELECT jobs.id AS id, owner, workspace, memory_kind, subject, query, per_second, batch_size, most - settled AS most, expect, schedule, lenient, trace, state, attempt, {now} - not_before AS waited
        FROM {each} JOIN jobs ON jobs.id = e.value->>'id'",
    ))
    .bind(&list)
    .fetch_all(tx)
    .await?;
    let mut jobs = HashMap::with_capacity(facts.len());
    for row in &facts {
        match facts_of(row, &first) {
            Ok(facts) => drop(jobs.insert(facts.id, Arc::new(facts))),
            // Its partitions are then without a job, and are dealt with as such.
            Err(error @ LedgerError::Corrupt { .. }) => tracing::error!(error = %error, "a job cannot be read"),
            Err(error) => return Err(error),
        }
    }
    Ok(jobs)
}

fn facts_of(row: &AnyRow, first: &[String]) -> Result<JobFacts, LedgerError> {
    let id: JobId = rows::parsed(row, "jobs", "id")?;
    let subject = match row.try_get::<Option<String>, _>("subject")? {
        Some(_) => Some(rows::json(row, "jobs", "subject")?),
        None => None,
    };
    let query = match row.try_get::<Option<String>, _>("query")? {
        Some(_) => Some(Arc::new(rows::json(row, "jobs", "query")?)),
        None => None,
    };
    let batch: Option<i64> = row.try_get("batch_size")?;
    let most: Option<i64> = row.try_get("most")?;
    Ok(JobFacts {
        id,
        owner: row.try_get("owner")?,
        workspace: row.try_get("workspace")?,
        memory_kind: row.try_get("memory_kind")?,
        subject,
        query,
        per_second: row.try_get("per_second")?,
        batch: batch.map(|n| u32::try_from(n).unwrap_or(u32::MAX)),
        most: most.map(|n| u64::try_from(n).unwrap_or(0)),
        expects: row.try_get::<Option<String>, _>("expect")?.is_some(),
        scheduled: row.try_get::<Option<String>, _>("schedule")?.is_some(),
        lenient: row.try_get::<i64, _>("lenient")? != 0,
        trace: row.try_get("trace")?,
        cancelling: rows::says(row, "state", State::Cancelling)?,
        waited_ms: row.try_get("waited")?,
        first: first.contains(&id.to_string()),
        attempt: rows::number(row, "attempt")?,
    })
}

fn lease(
    row: &AnyRow,
    jobs: &HashMap<JobId, Arc<JobFacts>>,
    until: Instant,
    siblings: i64,
) -> Result<Lease, LedgerError> {
    let (id, ordinal) = rows::key(row)?;
    let corrupt = |column| LedgerError::Corrupt {
        table: "partitions",
        column,
        row: format!("{id}/{ordinal}"),
    };
    let rescues = rows::small_number(row, "rescues")?;
    let job = jobs.get(&id).ok_or_else(|| corrupt("job_id"))?;
    let alias = rows::small_number(row, "alias")?;
    if alias > 0 && job.subject.as_ref().is_none_or(|subject| alias >= subject.names()) {
        return Err(corrupt("alias"));
    }
    Ok(Lease {
        job: Arc::clone(job),
        ordinal,
        token: row.try_get("lease_token")?,
        until,
        kind: rows::parsed(row, "partitions", "kind")?,
        route: rows::route(row)?,
        work: rows::work(row)?,
        alias,
        progress: row.try_get("progress")?,
        intent: row.try_get("intent")?,
        snapshot: row.try_get("snapshot")?,
        remaining: rows::number(row, "remaining")?,
        rescues,
        failures: rows::small_number(row, "failures")?,
        alone: row.try_get::<i64, _>("weight")? > 0 || rescues > 0,
        stores: rows::stores(row)?,
        siblings,
    })
}
