//! Claiming: the exclusive right to partitions that are due, for the time of a lease.
//!
//! A partition has one time from which anybody may claim it, `due_at`: its next attempt while it
//! is due, the end of its lease while it runs. So taking over from a worker that died needs no
//! other mechanism than claiming.

use std::time::Instant;

use serde_json::{Value, json};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row};

use super::jobs::start_jobs;
use super::lease::lease;
use crate::error_code::ErrorCode;
use crate::ledger::db::{Inner, Ledger, LedgerError, rows};
use crate::ledger::operation::REVISION;
use crate::ledger::types::{AloneFirst, Claim, Lapsed, Lease, SmallFirst};

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
        if claim.small > 0 && claim.small_first == SmallFirst::OfMany {
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
            let order = match claim.alone_first {
                AloneFirst::Oldest => "due_at",
                AloneFirst::Lightest => "weight, due_at",
            };
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
