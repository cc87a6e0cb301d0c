//! The job of a schedule, made anew at each of its times.

use jiff::Timestamp;
use lethe_common::ledger::{LedgerError, NewJob, ScheduleRecord, ScheduleRow};

use crate::auth::Principal;
use crate::deletion::new_job;
use crate::deletion::request::CreateJob;
use crate::http::problem::Problem;
use crate::state::AppState;

/// Returns the request for the jobs of a schedule.
pub(crate) fn request(schedule: &ScheduleRecord) -> Result<CreateJob, LedgerError> {
    serde_json::from_str(&schedule.job).map_err(|_| LedgerError::Corrupt {
        table: "schedules",
        column: "job",
        row: schedule.name.clone(),
    })
}

/// Returns a job of a schedule in the name of `principal`. Times such as `{"ago": "90d"}` count from `now`.
pub(crate) fn job(
    state: &AppState,
    row: &ScheduleRow,
    principal: &Principal,
    asked: CreateJob,
    now: Timestamp,
) -> Result<NewJob, Problem> {
    let (mut job, _) = new_job::job(state.config(), principal, asked, None, now)?;
    job.execution.schedule = Some(row.schedule.name.clone());
    Ok(job)
}
