//! The time until a hold needs a process that queues jobs again or releases it.

use sqlx::Row as _;
use sqlx::any::AnyRow;

use crate::ledger::db::LedgerError;

/// The longest wait while a hold is in force, in milliseconds. A job may become held at any time, after a change of its
/// hold that its worker had not read.
const LONGEST: u64 = 1_000;

/// The columns from which [`wait`] computes, for a statement that an idle process sends in any case.
// Sorted, so that PostgreSQL takes the index of these holds.
pub(in crate::ledger) const WAITS: &str = "
    CAST(CASE WHEN (SELECT name FROM holds WHERE settled = 0 ORDER BY ('' || name) LIMIT 1) IS NOT NULL THEN 1 ELSE 0 END AS BIGINT)
        AS holds_unsettled,
    CAST(CASE WHEN (SELECT name FROM holds WHERE released_at IS NULL ORDER BY (name || '') LIMIT 1) IS NOT NULL THEN 1 ELSE 0 END AS BIGINT)
        AS holds_in_force,
    (SELECT until_at FROM holds WHERE released_at IS NULL AND until_at IS NOT NULL ORDER BY until_at LIMIT 1) - {now} AS hold_ends";

/// Returns the milliseconds until somebody must look: 0 if jobs may have to be queued again, `None` without holds.
pub(in crate::ledger) fn wait(row: &AnyRow) -> Result<Option<u64>, LedgerError> {
    if row.try_get::<i64, _>("holds_unsettled")? == 1 {
        return Ok(Some(0));
    }
    if row.try_get::<i64, _>("holds_in_force")? == 0 {
        return Ok(None);
    }
    let ends: Option<i64> = row.try_get("hold_ends")?;
    let ends = ends.map_or(LONGEST, |ms| u64::try_from(ms).unwrap_or(0));
    Ok(Some(ends.min(LONGEST)))
}
