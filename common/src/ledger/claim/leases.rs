//! Claiming: the exclusive right to partitions that are due, for the time of a lease.
//!
//! A partition has one time from which anybody may claim it, `due_at`: its next attempt while it
//! is due, the end of its lease while it runs. So taking over from a worker that died needs no
//! other mechanism than claiming.

use std::time::Instant;

use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row};

use super::jobs::start_jobs;
use super::lease::lease;
use super::take::{Wanted, take};
use crate::error_code::ErrorCode;
use crate::ledger::db::{Inner, Ledger, LedgerError, rows};
use crate::ledger::types::{AloneFirst, Claim, Lapsed, Lease, SmallFirst};
use crate::route::Route;

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
        // Now and then by chance, so that no mapping is always behind another.
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

/// Takes small partitions and others of a mapping, as many as are asked for beside those that were taken.
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
        // One whose lease ran out runs alone, whatever it weighs.
        let may_be_lapsed = claim.lapsed == Lapsed::Excused || rows::small_number(row, "rescues")? > 0;
        alone = alone.saturating_sub(u32::from(!is_small || may_be_lapsed));
    }
    let of_weight = |which, order| Wanted {
        which,
        order,
        limit: small,
    };
    let mut rows = Vec::new();
    if small > 0 && claim.small_first == SmallFirst::OfMany {
        let of_many = of_weight("weight = 0 AND state = {partition.due}", "due_at");
        rows = take(inner, tx, claim, route, &[of_many]).await?;
    }
    let mut wanted = Vec::new();
    if small > 0 && rows.is_empty() {
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
    if !wanted.is_empty() {
        rows.extend(take(inner, tx, claim, route, &wanted).await?);
    }
    Ok(rows)
}
