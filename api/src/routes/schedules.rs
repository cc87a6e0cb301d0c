//! Schedules.

mod answer;
pub(super) mod get;
pub(super) mod list;
pub(super) mod pause;
pub(super) mod preview;
pub(super) mod put;
pub(super) mod remove;

use lethe_common::config::is_name;
use lethe_common::ledger::ScheduleRow;

use crate::auth::Principal;
use crate::http::problem::{Kind, Problem};
use crate::state::AppState;

/// Returns a schedule that the caller may see.
async fn visible(state: &AppState, principal: &Principal, name: &str) -> Result<ScheduleRow, Problem> {
    // No schedule is called otherwise, and PostgreSQL takes no NUL.
    let row = if is_name(name) {
        state.ledger().schedule(name).await?
    } else {
        None
    };
    let row = row.filter(|row| sees(principal, row));
    row.ok_or_else(unknown)
}

/// Returns a schedule that the caller may change.
async fn controlled(state: &AppState, principal: &Principal, name: &str) -> Result<ScheduleRow, Problem> {
    let row = visible(state, principal, name).await?;
    require_control(principal, &row)?;
    Ok(row)
}

fn sees(principal: &Principal, row: &ScheduleRow) -> bool {
    principal.sees_what(&row.schedule.principal, row.schedule.target.as_deref())
}

fn require_control(principal: &Principal, row: &ScheduleRow) -> Result<(), Problem> {
    Ok(principal.require_control_of(&row.schedule.principal, row.schedule.target.as_deref())?)
}

// Somebody else's is answered as one that does not exist.
fn unknown() -> Problem {
    Problem::new(Kind::NotFound, "no schedule has this name: see /v1/schedules")
}
