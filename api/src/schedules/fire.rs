//! Making jobs of due schedules, in every api process.
//!
//! The processes need no coordination: the transaction that accepts a job also takes its time
//! (`ledger/schedules/fire.rs`). If the process dies before that, another one, or this one later, finds the time due. The
//! same look at the ledger tells whether holds have changed, so that those need no look of their own.

use std::collections::HashSet;
use std::time::Duration;

use lethe_common::clock::{from_millis, to_millis};
use lethe_common::ledger::{DueCursor, LedgerError, Run, ScheduleRow};
use lethe_common::schedule::Times;

use crate::deletion::submit;
use crate::http::problem::{Kind, Problem};
use crate::state::AppState;

/// The longest time between two looks. Another process may store a schedule that is due earlier, and fires it itself: this
/// one would do so if that process ended.
const LOOK: Duration = Duration::from_secs(5);

/// The time until the next look if a schedule is due that could not fire now, or if the ledger did not answer.
const AGAIN: Duration = Duration::from_secs(1);

/// The most schedules that are read together: each may name many ids.
const PAGE: u32 = 50;

/// The most pages of one look, so that schedules that cannot fire do not take all the time.
const PAGES: usize = 10;

/// Makes jobs of due schedules for ever.
pub(crate) async fn run(state: &AppState) {
    let mut firing = Firing::default();
    loop {
        let wait = match look(state, &mut firing).await {
            Ok(wait) => wait,
            Err(error) => {
                tracing::debug!(ledger.sqlstate = error.sqlstate(), error = %error, "could not read due schedules");
                AGAIN
            }
        };
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = state.rescheduled().notified() => {}
        }
    }
}

/// Makes jobs of due schedules. Returns how long to wait until the next look.
async fn look(state: &AppState, firing: &mut Firing) -> Result<Duration, LedgerError> {
    let next = state.ledger().next_schedule().await?;
    if next.log_waits {
        state.ledger().wake_log();
    }
    if next.holds_wait == Some(0) {
        state.holds_changed().notify_one();
    }
    let wait = match next.wait {
        Some(0) if firing.fire_due(state).await? > 0 => Duration::ZERO,
        // It could not fire now, and stays due.
        Some(0) => AGAIN,
        None => LOOK,
        Some(wait) => Duration::from_millis(wait).min(LOOK),
    };
    let of_holds = next.holds_wait.map(|wait| Duration::from_millis(wait).max(AGAIN));
    Ok(of_holds.map_or(wait, |of_holds| wait.min(of_holds)))
}

/// Looks for due schedules. Each look goes on where the last one stopped, and begins again after the last schedule.
#[derive(Default)]
pub struct Firing {
    after: Option<DueCursor>,
    /// The schedules that could not fire since the first page.
    stuck: HashSet<String>,
    /// Those that could not fire when all pages were read the last time.
    were_stuck: HashSet<String>,
}

impl Firing {
    /// Makes jobs of due schedules, page by page, at most 500 in a look. Returns how many times were taken.
    ///
    /// Schedules that cannot fire stay due, and do not keep later ones from firing. If a caller has too many unfinished
    /// jobs, the look skips its other schedules.
    ///
    /// # Errors
    ///
    /// The ledger cannot return the due schedules.
    pub async fn fire_due(&mut self, state: &AppState) -> Result<usize, LedgerError> {
        let (mut taken, mut refused) = (0, HashSet::new());
        for _ in 0..PAGES {
            let page = state.ledger().due_schedules(self.after.as_ref(), PAGE).await?;
            for (name, error) in &page.unreadable {
                if self.is_news(name) {
                    tracing::error!(schedule = name, error = %error, "a schedule cannot be read");
                }
            }
            for due in &page.due {
                let principal = &due.schedule.principal;
                if refused.contains(principal) {
                    continue;
                }
                match fire(state, due).await {
                    Ok(run) => taken += usize::from(self.fired(due, run)),
                    Err(problem) => {
                        self.not_fired(due, &problem);
                        match problem.kind {
                            // No other schedule can make a job now either. The next look begins with this page.
                            Kind::QueueFull => return Ok(taken),
                            // With too many ids, a job with fewer of them may still be made.
                            Kind::TooManyJobs => {
                                refused.insert(principal.clone());
                            }
                            _ => {}
                        }
                    }
                }
            }
            self.after = page.next;
            if self.after.is_none() {
                self.begin_again();
                break;
            }
        }
        Ok(taken)
    }

    fn begin_again(&mut self) {
        self.were_stuck = std::mem::take(&mut self.stuck);
    }

    /// Returns whether a due time was taken.
    fn fired(&mut self, due: &ScheduleRow, run: Run) -> bool {
        let name = &due.schedule.name;
        self.forget(name);
        if run == Run::Gone {
            return false;
        }
        tracing::info!(schedule = name, outcome = run.as_str(), "a schedule was due");
        true
    }

    // The ledger did not answer, or too many jobs are unfinished. The schedule stays due.
    fn not_fired(&mut self, due: &ScheduleRow, problem: &Problem) {
        let (name, problem) = (&due.schedule.name, problem.kind.code());
        if self.is_news(name) {
            tracing::warn!(schedule = name, problem, "a due schedule could not make its job yet");
        } else {
            tracing::debug!(schedule = name, problem, "a due schedule still cannot make its job");
        }
    }

    /// Notes that a schedule cannot fire. Returns whether this was not known.
    fn is_news(&mut self, name: &str) -> bool {
        self.stuck.insert(name.to_owned()) && !self.were_stuck.contains(name)
    }

    fn forget(&mut self, name: &str) {
        self.stuck.remove(name);
        self.were_stuck.remove(name);
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
    let Ok(asked) = super::job::request(&due.schedule) else {
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

#[cfg(test)]
mod tests {
    use super::Firing;

    #[test]
    fn a_schedule_that_cannot_fire_is_news_once_until_it_fires() {
        let mut firing = Firing::default();
        assert!(firing.is_news("a"));
        for _ in 0..3 {
            assert!(!firing.is_news("a"));
            firing.begin_again();
        }
        firing.forget("a");
        assert!(firing.is_news("a"));
        // It was deleted, or another process has fired it.
        for _ in 0..2 {
            firing.begin_again();
        }
        assert!(firing.stuck.is_empty() && firing.were_stuck.is_empty());
        assert!(firing.is_news("a"));
    }
}
