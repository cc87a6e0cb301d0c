//! The preview of a schedule, before it is stored: its times, and a dry run of its job.

use std::time::Duration;

use lethe_common::state::State as JobState;

use super::calendar::{Calendar, next_runs};
use super::entered::Entered;
use super::told;
use crate::auth::Principal;
use crate::console::cause::Cause;
use crate::console::words::{self, Moment};
use crate::console::{jobs, links};
use crate::http::limits::time::within;
use crate::http::problem::Problem;
use crate::job::answer::Job;
use crate::routes::schedules::{preview as previewing, put};
use crate::state::AppState;

/// The longest wait for the end of the dry run. Most end within a second; a long one has its page.
const WAIT: Duration = Duration::from_secs(5);

/// The preview of a schedule.
pub(super) struct Preview {
    pub(super) sentence: String,
    pub(super) next: Vec<Moment>,
    pub(super) calendar: Option<Calendar>,
    /// The path of the dry run.
    pub(super) job: String,
    /// The places of the memories that a run would erase now, with their numbers; `None`: they are not counted yet.
    pub(super) found: Option<Vec<(String, String)>>,
    /// The reason why they could not be counted.
    pub(super) cause: Option<Cause>,
    /// The revision of the schedule that this one replaces; empty: it replaces none.
    pub(super) replaces: String,
    /// The writer of the schedule that it replaces.
    pub(super) writer: Option<String>,
}

impl Preview {
    /// Returns the preview of a schedule that the caller may store. It submits a dry run in the caller's name.
    pub(super) async fn of(state: &AppState, principal: &Principal, entered: &Entered) -> Result<Self, Problem> {
        let allowed = async {
            let record = entered.checked(state, principal).await?;
            let replaced = put::replaced(state, principal, &record.name).await?;
            Ok::<_, Problem>((record, replaced))
        };
        let (record, replaced) = within(state.config().api.request_timeout, allowed).await?;
        let view = Box::pin(previewing::unstored(state, principal, &record, WAIT)).await?;
        let now = state.clock().now();
        let next = Some(record.next_run_at).filter(|_| !record.paused);
        let is_counted = view.state == JobState::Succeeded;
        let job = Job::from(view);
        Ok(Self {
            sentence: told::sentence(&record),
            next: next_runs(&record, next, now).into_iter().map(Moment).collect(),
            calendar: Calendar::of(&record, next, now),
            job: links::job(job.id),
            cause: job.error_code.as_deref().map(Cause::of),
            found: is_counted.then(|| found(&job)),
            writer: replaced.as_ref().map(|row| row.schedule.principal.clone()),
            replaces: replaced.map(|row| row.revision).unwrap_or_default(),
        })
    }
}

/// Returns the places of memories that a dry run found, with their numbers.
fn found(job: &Job) -> Vec<(String, String)> {
    let tables = job.preview.iter().flat_map(|preview| &preview.tables);
    let places = tables.map(|table| {
        let place = jobs::place_of(Some(&table.target), Some(&table.table));
        (place, words::count(table.found))
    });
    places.collect()
}
