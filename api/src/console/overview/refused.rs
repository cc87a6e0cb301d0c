//! Schedules whose last run was refused: they make no jobs, so memories stay.

use lethe_common::ledger::{LedgerError, ScheduleRow};

use super::needs::Need;
use crate::auth::Principal;
use crate::console::schedules::is_due_before_change;
use crate::console::{links, words};
use crate::http::problem::Problem;
use crate::routes::schedules::seen;
use crate::schedules;
use crate::state::AppState;

/// The most refused schedules that are looked at, by name. Each may name many ids.
const LOOKED: u32 = 50;

/// The most refused schedules that are named.
const NAMED: usize = 10;

/// The refused schedules that the caller sees.
// The requests for their jobs are personal data: no `Debug`.
#[derive(Default)]
pub(super) struct Refused {
    rows: Vec<ScheduleRow>,
    /// Whether there are more refused schedules than were looked at.
    pub(super) is_cut: bool,
    /// Whether a schedule of the ledger cannot be read.
    is_unreadable: bool,
}

impl Refused {
    /// Reads the refused schedules. A paused schedule is not among them: somebody has decided about it.
    pub(super) async fn read(state: &AppState, principal: &Principal) -> Result<Self, Problem> {
        let found = match state.ledger().refused_schedules(LOOKED).await {
            Ok(found) => found,
            // It must not hide the other conditions.
            Err(LedgerError::Corrupt { .. }) => {
                return Ok(Self {
                    is_unreadable: true,
                    ..Self::default()
                });
            }
            Err(error) => return Err(error.into()),
        };
        let is_cut = found.len() >= LOOKED as usize;
        Ok(Self {
            rows: found.into_iter().filter(|row| seen::sees(principal, row)).collect(),
            is_cut,
            is_unreadable: false,
        })
    }

    /// Returns the conditions that need somebody.
    pub(super) fn needs(&self, principal: &Principal) -> Vec<Need> {
        let named = self.rows.iter().take(NAMED);
        let mut needs: Vec<Need> = named.map(|row| of_schedule(principal, row)).collect();
        let more = self.rows.len().saturating_sub(NAMED) as u64;
        if more > 0 {
            let what = format!(
                "{} refused, too.",
                words::many(more, "more schedule was", "more schedules were")
            );
            let need = Need::new("bad", what, "Look at the last run of each schedule.");
            needs.push(need.at(links::SCHEDULES, "Look at the schedules"));
        }
        if self.is_unreadable {
            let what = "The schedules cannot be read.".to_owned();
            needs.push(Need::new("bad", what, "Read the log of this API."));
        }
        needs
    }
}

fn of_schedule(principal: &Principal, row: &ScheduleRow) -> Need {
    let name = &row.schedule.name;
    let why = row.last_problem.as_deref().unwrap_or("no reason is known");
    let why = why.trim_end_matches('.');
    let need = if is_due_before_change(row) {
        let what = format!("The schedule {name} was refused at a due time before the last change: {why}.");
        let remedy = "If the change removed the cause, there is nothing to do: the next run shows it.";
        Need::new("warn", what, remedy)
    } else {
        let what = format!("The schedule {name} was refused: {why}.");
        Need::new("bad", what, remedy(principal, row))
    };
    need.at(links::schedule(name), "Look at the schedule")
}

fn remedy(principal: &Principal, row: &ScheduleRow) -> &'static str {
    let may_save = seen::require_control(principal, row).is_ok() && principal.require_erasing().is_ok();
    if !may_save {
        "Ask a caller that may change it to save it again: it then runs with the rights of that caller."
    } else if schedules::request(&row.schedule).is_err() {
        // The form that changes it could not show its job.
        "Write it again under the same name: its stored job cannot be read."
    } else {
        "Open it, press Change, preview, and save: it then runs with your rights."
    }
}
