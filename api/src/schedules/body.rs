//! The body of `PUT /v1/schedules/{name}`, and its check. Invalid schedules are refused here.

use jiff::Timestamp;
use lethe_common::clock::to_millis;
use lethe_common::config::Config;
use lethe_common::ledger::{NewJob, ScheduleRecord};
use lethe_common::schedule::{Times, TimesError, Window, Windows};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::auth::{Principal, written};
use crate::deletion::new_job;
use crate::deletion::request::CreateJob;
use crate::http::json::{self, given};
use crate::http::object::{self, Object};
use crate::http::problem::Problem;

/// The longest job of a schedule, in bytes.
// Many schedules are read and listed at a time.
const MAX_JOB: usize = 65_536;

/// A recurring deletion.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PutSchedule {
    /// The times: minute, hour, day of the month, month and day of the week. Six fields start with seconds. In the day
    /// of the month `L` is the last day, and `15W` is the weekday nearest to the 15th. In the day of the week `5#2` is
    /// the second Friday, and `5L` is the last. `?` is `*`. If both days are given, one match is enough. With `+`
    /// before the day of the week both must match. Or `@hourly`, `@daily`, `@weekly`, `@monthly`, `@yearly`.
    #[schema(example = "0 3 * * *", max_length = 255)]
    cron: String,
    /// The IANA name of the time zone.
    #[schema(example = "Europe/Berlin")]
    time_zone: String,
    /// The job: the body of `POST /v1/jobs`, without `not_before`, `expect` and `received_at`. A time such as `{"ago": "90d"}` counts
    /// from each run anew.
    #[serde(deserialize_with = "object::required")]
    job: CreateJob,
    /// The windows in which batches may start, in the same time zone. Absent: at any time.
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false, min_items = 1, max_items = 168, value_type = Option<Vec<WindowFields>>)]
    windows: Option<Vec<Object<WindowFields>>>,
    /// Whether the schedule makes no jobs until it is resumed.
    #[serde(default)]
    paused: bool,
}

/// A window on some days. If `to` is not later than `from`, the window ends on the next day.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Window)]
pub(crate) struct WindowFields {
    /// The days on which the window opens, of `mon`, `tue`, `wed`, `thu`, `fri`, `sat`, `sun`. Absent: every day.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, min_items = 1, max_items = 7, example = json!(["sat", "sun"]))]
    days: Option<Vec<String>>,
    /// The opening time.
    #[schema(example = "22:00", pattern = "^([01][0-9]|2[0-3]):[0-5][0-9]$")]
    from: String,
    /// The closing time. `24:00` is the end of the day.
    #[schema(example = "06:00", pattern = "^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$")]
    to: String,
}

impl From<WindowFields> for Window {
    fn from(fields: WindowFields) -> Self {
        let WindowFields { days, from, to } = fields;
        Self { days, from, to }
    }
}

impl From<&Window> for WindowFields {
    fn from(window: &Window) -> Self {
        let Window { days, from, to } = window.clone();
        Self { days, from, to }
    }
}

impl PutSchedule {
    /// Returns the schedule that the fields of a form describe. `job` is JSON.
    pub(crate) fn of_form(
        (cron, time_zone): (&str, &str),
        job: &str,
        windows: Option<Vec<Window>>,
        paused: bool,
    ) -> Result<Self, Problem> {
        // Twice as much, for the spaces that make it readable.
        if job.len() > 2 * MAX_JOB {
            return Err(too_long());
        }
        let read: Result<Object<CreateJob>, Problem> = json::read(job.as_bytes());
        let Object(job) = read.map_err(|problem| {
            if problem.field.as_deref().is_some_and(|field| field != "the body") {
                return inside(problem);
            }
            let what = problem.detail.trim_start_matches("`the body`: ");
            Problem::invalid("job", what).into_kind(problem.kind)
        })?;
        let windows = windows.map(|windows| windows.iter().map(|window| Object(window.into())).collect());
        Ok(Self {
            cron: cron.to_owned(),
            time_zone: time_zone.to_owned(),
            job,
            windows,
            paused,
        })
    }

    /// Returns the schedule to store under a name, and the job that it would make now.
    pub(crate) fn checked(
        self,
        config: &Config,
        principal: &Principal,
        name: String,
        now: Timestamp,
    ) -> Result<(ScheduleRecord, NewJob), Problem> {
        let times = Times::read(&self.cron, &self.time_zone).map_err(wrong)?;
        let next = times.next_after(now).ok_or_else(|| wrong(TimesError::Never))?;
        let windows = self.windows.map(|windows| {
            let windows = windows.into_iter().map(|Object(window)| window.into()).collect();
            Windows::new(times.zone_name(), windows)
                .map_err(|error| Problem::invalid(&format!("windows{}", error.place()), error))
        });
        if self.job.not_before.is_some() {
            let what = "leave it out: the schedule says when its jobs start";
            return Err(Problem::invalid("job.not_before", what));
        }
        if self.job.expect.is_some() {
            let what = "leave it out: the selection differs at each run. Give `limit` instead";
            return Err(Problem::invalid("job.expect", what));
        }
        if self.job.received_at.is_some() {
            let what = "leave it out: the deadline of each job counts from its run";
            return Err(Problem::invalid("job.received_at", what));
        }
        let job = serde_json::to_string(&self.job).expect("a request that was JSON can be again");
        if job.len() > MAX_JOB {
            return Err(too_long());
        }
        // A job that a run would refuse is refused now.
        let (accepted, _) = new_job::job(config, principal, self.job, None, now).map_err(inside)?;
        let record = ScheduleRecord {
            name,
            principal: principal.name.clone(),
            rights: written(principal),
            target: accepted.target.clone(),
            cron: self.cron,
            time_zone: times.zone_name().to_owned(),
            job,
            marks: accepted.execution.marks.clone(),
            windows: windows.transpose()?,
            paused: self.paused,
            next_run_at: to_millis(next),
        };
        Ok((record, accepted))
    }
}

fn too_long() -> Problem {
    let what = format_args!("write at most {MAX_JOB} bytes: a schedule is for a query or a subject");
    Problem::invalid("job", what)
}

/// Returns the problem for an error in the times.
fn wrong(error: TimesError) -> Problem {
    let field = match error {
        TimesError::Cron | TimesError::Never => "cron",
        TimesError::Zone => "time_zone",
    };
    Problem::invalid(field, error)
}

/// Returns the problem of a job as a problem of its schedule.
pub(crate) fn inside(problem: Problem) -> Problem {
    let Some(field) = &problem.field else { return problem };
    let what = problem.detail.split_once(": ").map_or("", |(_, what)| what);
    Problem::invalid(&format!("job.{field}"), what).into_kind(problem.kind)
}
