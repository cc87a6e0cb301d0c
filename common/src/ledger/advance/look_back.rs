//! Looking back at a phase: the results of its partitions and memories that decide the next step.

use sqlx::{AnyConnection, Row};

use super::step::{JobRow, ids_of};
use crate::error_code::ErrorCode;
use crate::job::{JobId, Outcome};
use crate::ledger::db::{Inner, LedgerError, rows};
use crate::ledger::partition_state::PartitionState;
use crate::state::State;

/// Reads the results that decide the next step of jobs.
pub(super) async fn look_back(inner: &Inner, tx: &mut AnyConnection, jobs: &mut [JobRow]) -> Result<(), LedgerError> {
    let ends = |job: &&JobRow| match job.state {
        State::Running | State::Verifying => !job.dry_run,
        State::Planning => job.skipped > 0,
        _ => false,
    };
    let ids = ids_of(jobs.iter().filter(ends));
    if ids == "[]" {
        return Ok(());
    }
    let found = sqlx::query(inner.sql(
        "-- ledger::advance look back
        SELECT job_id, {partition.blocked} AS what, COUNT(*) AS n FROM partitions
        WHERE state = {partition.blocked} AND job_id {in_ids} GROUP BY job_id
        UNION ALL
        SELECT job_id, outcome AS what, CAST(SUM(n) AS BIGINT) AS n FROM counts
        WHERE (outcome IN {outcomes.fail_job} OR outcome = {outcome.held})
          AND job_id {in_ids} GROUP BY job_id, outcome
        UNION ALL
        SELECT job_id, code AS what, COUNT(*) AS n FROM items
        WHERE (outcome = {outcome.failed} OR code = {code.point_conflict}) AND code IS NOT NULL
          AND job_id {in_ids} GROUP BY job_id, code",
    ))
    .bind(ids)
    .fetch_all(tx)
    .await?;
    for row in &found {
        let id: JobId = rows::parsed(row, "partitions", "job_id")?;
        let (what, n): (String, u64) = (row.try_get("what")?, rows::number(row, "n")?);
        if let Some(job) = jobs.iter_mut().find(|job| job.id == id).filter(|_| n > 0) {
            if what == PartitionState::Blocked.as_str() {
                job.blocked = n;
            } else if what == Outcome::Held.as_str() {
                job.held = n;
            } else if let Ok(outcome) = what.parse::<Outcome>() {
                // `failed` outranks outcomes that only say that the truth is unknown.
                job.bad = Some(job.bad.map_or(outcome, |known| known.max(outcome)));
            } else if let Ok(code) = what.parse::<ErrorCode>() {
                job.meet(code);
            }
        }
    }
    Ok(())
}
