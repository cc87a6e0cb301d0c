//! A schedule in words, which name no id, no person and no value.

use lethe_common::clock::from_millis;
use lethe_common::job::SelectorKind;
use lethe_common::ledger::{ScheduleRecord, ScheduleRow};
use lethe_common::schedule::Windows;

use super::calendar::{self, Calendar};
use super::outdated::is_due_before_change;
use super::windows;
use crate::console::words::{self, Moment};
use crate::console::{job, jobs, links};
use crate::deletion::request::{CreateJob, Select};
use crate::schedules;

/// A schedule in words.
pub(super) struct Told {
    pub(super) name: String,
    pub(super) path: String,
    pub(super) sentence: String,
    pub(super) cron: String,
    pub(super) time_zone: String,
    pub(super) paused: bool,
    /// The next runs; none while it is paused.
    pub(super) next: Vec<Moment>,
    pub(super) windows: Vec<String>,
    pub(super) calendar: Option<Calendar>,
    pub(super) last: Option<Last>,
    /// The numbers of runs without a job, if there were any.
    pub(super) missed: Vec<String>,
    /// The path of the list of its jobs.
    pub(super) jobs: String,
}

/// The outcome of the last run.
pub(super) struct Last {
    pub(super) what: String,
    /// The job that the schedule last made, and the time.
    pub(super) job: Option<(String, Option<Moment>)>,
    /// Whether somebody has to act.
    pub(super) is_bad: bool,
}

impl From<&ScheduleRow> for Told {
    fn from(row: &ScheduleRow) -> Self {
        let schedule = &row.schedule;
        let next = row.next_run_at.filter(|_| !schedule.paused);
        let now = from_millis(row.now).unwrap_or_default();
        let windows = schedule.windows.iter().flat_map(Windows::list);
        Self {
            path: links::schedule(&schedule.name),
            sentence: sentence(schedule),
            cron: schedule.cron.clone(),
            time_zone: schedule.time_zone.clone(),
            paused: schedule.paused,
            next: calendar::next_runs(schedule, next, now)
                .into_iter()
                .map(Moment)
                .collect(),
            windows: windows.map(windows::line).collect(),
            calendar: Calendar::of(schedule, next, now),
            last: last(row),
            missed: missed(row),
            jobs: links::jobs([("schedule", schedule.name.as_str())]),
            name: schedule.name.clone(),
        }
    }
}

/// Returns the jobs of a schedule in one sentence.
pub(super) fn sentence(schedule: &ScheduleRecord) -> String {
    let Ok(CreateJob {
        select, table, dry_run, ..
    }) = schedules::request(schedule)
    else {
        return "Its job cannot be read: write the schedule again.".to_owned();
    };
    let (kind, ids) = selector(&select);
    let deed = job::deed(kind.as_str(), ids, dry_run);
    let place = jobs::place_of(schedule.target.as_deref(), table.as_deref());
    format!("{deed} in {place}, in the name of {}.", schedule.principal)
}

/// Returns the kind of a selection, and the number of its ids.
fn selector(select: &Select) -> (SelectorKind, u64) {
    match (&select.ids, &select.subject) {
        (Some(ids), _) => (SelectorKind::Ids, ids.len() as u64),
        (None, Some(_)) => (SelectorKind::Subject, 0),
        (None, None) => (SelectorKind::Query, 0),
    }
}

fn last(row: &ScheduleRow) -> Option<Last> {
    let outcome = row.last_outcome.as_deref()?;
    let is_refused = outcome == "refused";
    let is_old = is_refused && is_due_before_change(row);
    let when = if is_old {
        " at a due time before the last change"
    } else {
        ""
    };
    let what = match outcome {
        "fired" => "made a job".to_owned(),
        "skipped" => "skipped, because the job before had not ended".to_owned(),
        "refused" => format!(
            "refused{when}: {}",
            row.last_problem.as_deref().unwrap_or("no reason is known")
        ),
        other => other.to_owned(),
    };
    let at = row.last_run_at.and_then(from_millis).map(Moment);
    Some(Last {
        what,
        job: row.last_job.map(|job| (links::job(job), at)),
        is_bad: is_refused && !is_old,
    })
}

fn missed(row: &ScheduleRow) -> Vec<String> {
    let counts = [(row.skipped, "skipped"), (row.refused, "refused")];
    let some = counts.into_iter().filter(|(n, _)| *n > 0);
    some.map(|(n, how)| format!("{} {how}", words::many(n, "run", "runs")))
        .collect()
}
