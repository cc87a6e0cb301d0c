//! The schedules that a caller may see, and those it may change.

use lethe_common::config::is_name;
use lethe_common::ledger::ScheduleRow;

use crate::auth::{Principal, are_within};
use crate::http::problem::{Kind, Problem};
use crate::state::AppState;

/// Returns a schedule that the caller may see.
pub(crate) async fn visible(state: &AppState, principal: &Principal, name: &str) -> Result<ScheduleRow, Problem> {
    // No schedule has another kind of name, and PostgreSQL accepts no NUL.
    let row = if is_name(name) {
        state.ledger().schedule(name).await?
    } else {
        None
    };
    let row = row.filter(|row| sees(principal, row));
    row.ok_or_else(unknown)
}

/// Returns a schedule that the caller may change.
pub(super) async fn controlled(state: &AppState, principal: &Principal, name: &str) -> Result<ScheduleRow, Problem> {
    let row = visible(state, principal, name).await?;
    require_control(principal, &row)?;
    Ok(row)
}

/// Returns whether the caller may see a schedule.
pub(crate) fn sees(principal: &Principal, row: &ScheduleRow) -> bool {
    principal.sees_schedule(&row.schedule.principal, row.schedule.target.as_deref())
        && (!principal.is_bound_inside() || are_within(principal, &row.schedule.rights))
}

/// Refuses a caller that may not change a schedule.
pub(crate) fn require_control(principal: &Principal, row: &ScheduleRow) -> Result<(), Problem> {
    Ok(principal.require_control_of_schedule(&row.schedule.principal, row.schedule.target.as_deref())?)
}

// Another caller's schedule is answered as one that does not exist.
pub(super) fn unknown() -> Problem {
    Problem::new(Kind::NotFound, "no schedule has this name: see /v1/schedules")
}
