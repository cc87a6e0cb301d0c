//! A schedule as callers see it.

use jiff::Timestamp;
use lethe_common::clock::from_millis;
use lethe_common::ledger::{LedgerError, ScheduleRow};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::deletion::request::CreateJob;
use crate::schedules::{self, WindowFields};

/// A deletion that recurs.
#[derive(Serialize, ToSchema)]
pub(crate) struct Schedule {
    /// The name.
    name: String,
    /// The caller that wrote it. Its jobs run in the name of this caller.
    principal: String,
    /// The target that its jobs are about; `null` for a subject in several.
    target: Option<String>,
    /// The times of its runs, as a cron expression.
    cron: String,
    /// The time zone of these times and of the windows.
    time_zone: String,
    /// The request for its jobs.
    job: CreateJob,
    /// The times when batches may begin; `null`: at any time.
    windows: Option<Vec<WindowFields>>,
    /// Whether it is paused, and makes no jobs.
    paused: bool,
    /// The time of its next run; `null` while it is paused. In the past: it was missed, and is caught up now.
    #[schema(value_type = Option<String>, format = DateTime)]
    next_run_at: Option<Timestamp>,
    /// When it last made a job.
    #[schema(value_type = Option<String>, format = DateTime)]
    last_run_at: Option<Timestamp>,
    /// The job that it last made.
    last_job: Option<Uuid>,
    /// The outcome of its last run: `fired`, `skipped` or `refused`.
    last_outcome: Option<String>,
    /// The reason why its last run was refused.
    last_problem: Option<String>,
    /// The number of runs without a job, because the job before had not ended.
    skipped: u64,
    /// The number of runs whose job could not be accepted.
    refused: u64,
    /// When it was written first.
    #[schema(value_type = Option<String>, format = DateTime)]
    created_at: Option<Timestamp>,
    /// When it was last changed.
    #[schema(value_type = Option<String>, format = DateTime)]
    changed_at: Option<Timestamp>,
}

impl TryFrom<ScheduleRow> for Schedule {
    type Error = LedgerError;

    fn try_from(row: ScheduleRow) -> Result<Self, LedgerError> {
        let job = schedules::request(&row.schedule)?;
        let next_run_at = row.next_run_at.filter(|_| !row.schedule.paused);
        let windows = row.schedule.windows.as_ref();
        Ok(Self {
            job,
            windows: windows.map(|windows| windows.list().iter().map(WindowFields::from).collect()),
            name: row.schedule.name,
            principal: row.schedule.principal,
            target: row.schedule.target,
            cron: row.schedule.cron,
            time_zone: row.schedule.time_zone,
            paused: row.schedule.paused,
            next_run_at: next_run_at.and_then(from_millis),
            last_run_at: row.last_run_at.and_then(from_millis),
            last_job: row.last_job.map(|job| job.0),
            last_outcome: row.last_outcome,
            last_problem: row.last_problem,
            skipped: row.skipped,
            refused: row.refused,
            created_at: from_millis(row.created_at),
            changed_at: from_millis(row.changed_at),
        })
    }
}
