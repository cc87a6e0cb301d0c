//! Claiming: the exclusive right to due partitions, for the time of a lease.
//!
//! Any worker may claim a partition from `due_at` on. While the partition is due, this is the time of its next
//! attempt. While it runs, this is its lease expiry. So a claim also takes over the partitions of a worker
//! that died (a rescue).

use std::time::Instant;

use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row};

use super::jobs::{Jobs, start_jobs, started_jobs};
use super::lease::lease;
use super::take::{take, take_and_start, wanted};
use crate::error_code::ErrorCode;
use crate::ledger::db::{Inner, Ledger, LedgerError, rows};
use crate::ledger::types::{AloneFirst, Claim, Claimed, JobEnd, Lapsed, SmallFirst};
use crate::route::Route;

impl Ledger {
    /// Claims due partitions: small ones, which may share calls, and partitions that run alone.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Unavailable`] if the database did not answer. If it claimed partitions before that,
    /// they become claimable again when their leases expire.
    pub async fn claim(&self, claim: &Claim<'_>) -> Result<Claimed, LedgerError> {
        if claim.routes.is_empty() {
            return Ok(Claimed::default());
        }
        let inner = &self.inner;
        // Counted from before the statement, so that the lease ends here no later than in the ledger.
        let until = Instant::now() + inner.options.lease;
        let (rows, jobs) = match claim.routes {
            [route] if inner.merges() => claim_at_once(inner, claim, route).await?,
            _ => claim_in_turn(inner, claim).await?,
        };
        let mut claimed = Claimed::default();
        for row in &rows {
            match lease(row, &jobs, until, claim.siblings) {
                Ok(lease) => claimed.leases.push(lease),
                Err(error @ LedgerError::Corrupt { .. }) => {
                    let (failed, ended) = self.unreadable(row, &error).await?;
                    claimed.unreadable += failed;
                    claimed.ended.extend(ended);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(claimed)
    }

    /// Handles a claimed partition that this version cannot read. Returns the number of failed partitions, and the job
    /// if it ended by this.
    // The other leases of the claim go on. A newer version may be able to read the partition. So its lease
    // expires `rescues` times, as if its worker had died, before the partition fails.
    async fn unreadable(&self, row: &AnyRow, error: &LedgerError) -> Result<(u64, Vec<JobEnd>), LedgerError> {
        if rows::small_number(row, "rescues")? < self.inner.options.rescues {
            tracing::error!(error = %error, "a partition cannot be read: its lease must expire before the next claim");
            return Ok((0, Vec::new()));
        }
        tracing::error!(error = %error, "a partition cannot be read, and fails");
        let (job, ordinal) = rows::key(row)?;
        let token: i64 = row.try_get("lease_token")?;
        let which = format!(
            "state = {{partition.running}} AND job_id = '{job}' AND ordinal = {ordinal} AND lease_token = {token}"
        );
        self.fail(&which, Some(ErrorCode::Corrupt)).await
    }
}

/// Claims partitions of one mapping in one statement. Jobs that an earlier claim has started need two more.
async fn claim_at_once(inner: &Inner, claim: &Claim<'_>, route: &Route) -> Result<(Vec<AnyRow>, Jobs), LedgerError> {
    let wanted = wanted(claim, claim.small, claim.alone);
    if wanted.is_empty() {
        return Ok((Vec::new(), Jobs::new()));
    }
    let mut connection = inner.once().await?;
    let rows = take_and_start(inner, &mut connection, claim, route, &wanted).await?;
    let jobs = started_jobs(inner, &mut connection, &rows).await?;
    Ok((rows, jobs))
}

/// Claims partitions of each mapping in turn, in one transaction.
async fn claim_in_turn(inner: &Inner, claim: &Claim<'_>) -> Result<(Vec<AnyRow>, Jobs), LedgerError> {
    let mut tx = inner.begin().await?;
    let mut rows = Vec::new();
    // Some claims begin at a random mapping, so that no mapping is always behind another.
    let by_chance = claim.small_first == SmallFirst::OfMany || claim.alone_first == AloneFirst::Oldest;
    let first = if by_chance {
        rand::random_range(0..claim.routes.len())
    } else {
        0
    };
    let (before, after) = claim.routes.split_at(first);
    for route in after.iter().chain(before) {
        let taken = take_first(inner, &mut tx, claim, route, &rows).await?;
        rows.extend(taken);
    }
    if rows.is_empty() {
        tx.rollback().await?;
        return Ok((rows, Jobs::new()));
    }
    // After the partitions of all mappings, so that two claims that lock the same jobs do not deadlock.
    let jobs = start_jobs(inner, &mut tx, &rows).await?;
    tx.commit().await?;
    Ok((rows, jobs))
}

/// Takes due partitions of one mapping, up to the numbers in `claim` less the partitions in `taken`.
async fn take_first(
    inner: &Inner,
    tx: &mut AnyConnection,
    claim: &Claim<'_>,
    route: &Route,
    taken: &[AnyRow],
) -> Result<Vec<AnyRow>, LedgerError> {
    let mut small = claim.small;
    let mut alone = claim.alone;
    for row in taken {
        let is_small = row.try_get::<i64, _>("weight")? <= 0;
        small = small.saturating_sub(u32::from(is_small));
        // A partition whose lease expired runs alone, whatever it weighs.
        let may_be_lapsed = claim.lapsed == Lapsed::Excused || rows::small_number(row, "rescues")? > 0;
        alone = alone.saturating_sub(u32::from(!is_small || may_be_lapsed));
    }
    let wanted = wanted(claim, small, alone);
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    take(inner, tx, claim, route, &wanted).await
}
