//! Making jobs of due schedules, in every api process.
//!
//! The processes need no coordination: the transaction that accepts a job also takes its time
//! (`ledger/schedules/fire.rs`). If the process dies before that, another one, or this one later, finds the time due.

use std::time::Duration;

use lethe_common::clock::{from_millis, to_millis};
use lethe_common::ledger::{LedgerError, Run, ScheduleRow};
use lethe_common::schedule::Times;

use crate::deletion::submit;
use crate::http::problem::{Kind, Problem};
use crate::state::AppState;

/// The longest time between two looks. Another process may store a schedule that is due earlier.
const LOOK: Duration = Duration::from_secs(1);

/// The most schedules that are read together: each may name many ids.
const PAGE: u32 = 50;

/// Makes jobs of due schedules for ever.
pub(crate) async fn run(state: &AppState) {
    loop {
        let wait = match look(state).await {
            Ok(wait) => wait,
            Err(error) => {
                tracing::debug!(ledger.sqlstate = error.sqlstate(), error = %error, "could not read due schedules");
                LOOK
            }
        };
        tokio::time::sleep(wait).await;
    }
}

/// Makes jobs of due schedules. Returns how long to wait until the next look.
async fn look(state: &AppState) -> Result<Duration, LedgerError> {
    Ok(match state.ledger().next_schedule().await? {
        Some(0) if fire_due(state).await? > 0 => Duration::ZERO,
        // A schedule that stays due could not be fired now.
        None | Some(0) => LOOK,
        Some(wait) => Duration::from_millis(wait).min(LOOK),
    })
}

/// Makes jobs of all due schedules, page by page. Returns how many times were taken.
///
/// Schedules that cannot fire stay due, and do not keep later ones from firing.
///
/// # Errors
///
/// The ledger cannot return the due schedules.
pub async fn fire_due(state: &AppState) -> Result<usize, LedgerError> {
    let (mut taken, mut after) = (0, None);
    loop {
        let page = state.ledger().due_schedules(after.as_ref(), PAGE).await?;
        for due in page.due {
            let name = &due.schedule.name;
            match fire(state, &due).await {
                Ok(Run::Gone) => {}
                Ok(run) => {
                    taken += 1;
                    tracing::info!(schedule = name, outcome = run.as_str(), "a schedule was due");
                }
                // The ledger did not answer, or too many jobs are unfinished. The schedule stays due.
                Err(problem) => {
                    tracing::warn!(
                        schedule = name,
                        problem = problem.kind.code(),
                        "a due schedule could not make its job yet"
                    );
                    // No other schedule can make a job now either.
                    if problem.kind == Kind::QueueFull {
                        return Ok(taken);
                    }
                }
            }
        }
        after = page.next;
        if after.is_none() {
            return Ok(taken);
        }
    }
}

/// Takes the time of a schedule that is due.
///
/// # Errors
///
/// A problem that may pass. The schedule stays due.
async fn fire(state: &AppState, due: &ScheduleRow) -> Result<Run, Problem> {
    let ledger = state.ledger();
    let schedule = &due.schedule;
    // The ledger's clock decides that it is due. By another clock it might be due again at once.
    let now = from_millis(due.now).unwrap_or_else(|| state.clock().now());
    let Ok(times) = Times::read(&schedule.cron, &schedule.time_zone) else {
        // The process that stored it could read it. Another one may have the time zones that this one lacks.
        return Err(Problem::new(
            Kind::Internal,
            "the schedule's times cannot be read in this process: check that time zones are installed",
        ));
    };
    let next = times.next_after(now).map(to_millis);
    let Ok(asked) = super::job::request(due) else {
        return Ok(ledger
            .refuse_run(due, next, "the stored job of this schedule cannot be read")
            .await?);
    };
    let Some(principal) = state.auth().holder(&schedule.principal, &schedule.rights).await? else {
        let why = "the credentials of its principal are gone or have expired: write the schedule again with others";
        return Ok(ledger.refuse_run(due, next, why).await?);
    };
    let mut job = match super::job::job(state, due, &principal, asked, now) {
        Ok(job) => job,
        Err(problem) => return Ok(ledger.refuse_run(due, next, &problem.detail).await?),
    };
    if let Some(windows) = &schedule.windows {
        let wait = windows.wait(due.now);
        // Workers need not look at the job before its window opens.
        job.not_before = (!wait.is_zero()).then(|| due.now.saturating_add(millis(wait)));
    }
    job.execution.windows.clone_from(&schedule.windows);
    submit::run(state, due, next, job).await
}

fn millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX / 4)
}
