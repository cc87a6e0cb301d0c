//! The fields of the form that writes a schedule.

use lethe_common::ledger::{ScheduleRecord, ScheduleRow};
use lethe_common::schedule::Windows;

use super::windows;
use crate::auth::Principal;
use crate::console::form::Fields;
use crate::http::problem::Problem;
use crate::routes::schedules::put;
use crate::schedules::PutSchedule;
use crate::state::AppState;

/// The fields of the form, as the caller wrote them.
// The job may name ids and persons: no `Debug`.
#[derive(Default)]
pub(super) struct Entered {
    pub(super) name: String,
    pub(super) cron: String,
    pub(super) time_zone: String,
    /// Windows, one a line.
    pub(super) windows: String,
    /// The request for its jobs, as JSON.
    pub(super) job: String,
    pub(super) paused: bool,
}

impl From<&Fields> for Entered {
    fn from(fields: &Fields) -> Self {
        let word = |name| fields.value(name).trim().to_owned();
        Self {
            name: word("name"),
            cron: word("cron"),
            time_zone: word("time_zone"),
            windows: fields.value("windows").to_owned(),
            job: fields.value("job").to_owned(),
            paused: !fields.value("paused").is_empty(),
        }
    }
}

impl Entered {
    /// Returns the fields that describe a stored schedule with this job.
    pub(super) fn stored(row: ScheduleRow, job: String) -> Self {
        let schedule = row.schedule;
        let lines = schedule.windows.iter().flat_map(Windows::list);
        Self {
            windows: lines.map(windows::line).collect::<Vec<_>>().join("\n"),
            name: schedule.name,
            cron: schedule.cron,
            time_zone: schedule.time_zone,
            job,
            paused: schedule.paused,
        }
    }

    /// Returns the schedule to store.
    ///
    /// # Errors
    /// The first field that is wrong, or a job that the caller may not submit.
    pub(super) async fn checked(&self, state: &AppState, principal: &Principal) -> Result<ScheduleRecord, Problem> {
        principal.require_erasing()?;
        let times = (self.cron.as_str(), self.time_zone.as_str());
        let asked = PutSchedule::of_form(times, &self.job, windows::read(&self.windows)?, self.paused)?;
        put::checked(state, principal, self.name.clone(), asked).await
    }
}
