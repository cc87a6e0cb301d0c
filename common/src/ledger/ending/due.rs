//! Looking for data whose retention has passed: one entry of one index for each kind of data, in one statement.
//!
//! While nothing is due, housekeeping sends no other statement. The steps of forgetting are ten.

use std::time::Duration;

use sqlx::Row;

use super::forget::{Kept, ms};
use crate::ledger::db::{Ledger, LedgerError};

/// The time until a retention passes, in milliseconds. It has passed at 0. Without such data it is `None`.
pub(super) type Wait = Option<i64>;

/// The times until retentions pass, one for each step of forgetting.
pub(super) struct Waits {
    /// Jobs with personal data.
    pub(super) items: Wait,
    /// Jobs that lost their personal data, and still have rows in other tables. They are due, also if the clock was set
    /// back since.
    pub(super) rest: Wait,
    /// Jobs without such rows.
    pub(super) jobs: Wait,
    /// Idempotency keys.
    pub(super) keys: Wait,
    /// Events of the audit trail.
    pub(super) events: Wait,
    /// Statements of receipts.
    pub(super) receipts: Wait,
}

impl Waits {
    /// Returns the time for which no other retention can pass.
    // Data whose retention has passed may have to stay: the key of an unfinished job, or an event that only another user
    // may delete. It does not shorten the time.
    pub(super) fn quiet(&self, kept: Kept) -> Duration {
        let waits = [self.items, self.rest, self.jobs, self.keys, self.events, self.receipts];
        let later = waits.into_iter().flatten().filter(|wait| *wait > 0);
        let later = later.map(|wait| Duration::from_millis(wait.unsigned_abs()));
        // The retention of new data begins later.
        let new = [kept.items, kept.jobs, kept.keys, kept.audit, kept.receipts];
        later.chain(new).min().unwrap_or_default()
    }
}

/// Returns whether a retention has passed.
pub(super) fn is_due(wait: Wait) -> bool {
    wait.is_some_and(|wait| wait <= 0)
}

impl Ledger {
    /// Returns the times until retentions pass.
    pub(super) async fn retentions(&self, kept: Kept) -> Result<Waits, LedgerError> {
        let row = sqlx::query(self.inner.sql(
            "-- ledger::forget next
            SELECT (SELECT MIN(ended_at) FROM jobs WHERE ended_at IS NOT NULL AND forgotten_at IS NULL) + $1 - {now} AS items,
                (SELECT MIN(forgotten_at) FROM jobs WHERE forgotten_at IS NOT NULL AND cleared = 0) - {now} AS rest,
                (SELECT MIN(ended_at) FROM jobs WHERE cleared = 1) + $2 - {now} AS jobs,
                (SELECT MIN(created_at) FROM idempotency) + $3 - {now} AS keys,
                (SELECT MIN(at) FROM audit_events) + $4 - {now} AS events,
                (SELECT MIN(ended_at) FROM receipts WHERE body IS NOT NULL) + $5 - {now} AS receipts",
        ))
        .bind(ms(kept.items))
        .bind(ms(kept.jobs))
        .bind(ms(kept.keys))
        .bind(ms(kept.audit))
        .bind(ms(kept.receipts))
        .fetch_one(&self.inner.read)
        .await?;
        Ok(Waits {
            items: row.try_get("items")?,
            rest: row.try_get("rest")?,
            jobs: row.try_get("jobs")?,
            keys: row.try_get("keys")?,
            events: row.try_get("events")?,
            receipts: row.try_get("receipts")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_retention_that_will_pass_ends_the_quiet_time() {
        let hour = Duration::from_hours(1);
        let kept = Kept {
            items: hour,
            jobs: hour * 2,
            keys: hour * 2,
            audit: hour * 2,
            receipts: hour * 2,
        };
        let waits = |items, keys| Waits {
            items,
            rest: None,
            jobs: None,
            keys,
            events: None,
            receipts: None,
        };
        for (items, keys, quiet) in [
            (None, None, hour),
            (Some(5_000), None, Duration::from_secs(5)),
            (Some(5_000), Some(-1), Duration::from_secs(5)),
            (Some(-1), Some(0), hour),
        ] {
            assert_eq!(waits(items, keys).quiet(kept), quiet, "{items:?} {keys:?}");
        }
        assert!(is_due(Some(0)) && is_due(Some(-1)) && !is_due(Some(1)) && !is_due(None));
    }
}
