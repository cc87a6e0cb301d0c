//! The overview's reads of the ledger: each table once, and no data that the caller may not see.

use std::time::Duration;

use lethe_common::config::Scope;
use lethe_common::ledger::{Glance, Pauses, Queue, WorkerRow};
use lethe_common::state::State as JobState;

use super::refused::Refused;
use crate::auth::Principal;
use crate::console::workers::SHOWN;
use crate::http::problem::Problem;
use crate::routes::workers::reported;
use crate::state::AppState;
use crate::workers::{HEARD_WITHIN, is_heard};

/// The most failed jobs: each is named.
const FAILED: usize = 10;

/// The most reads of failed jobs, and the jobs of each: a read may find jobs outside the caller's bounds. The first read is
/// mostly the only one.
const READS: [u32; 4] = [10, 200, 200, 200];

/// The most jobs of each state that may be stuck.
pub(super) const STUCK: u32 = 50;

/// The time after a release or an expiry from which held jobs that still wait need somebody. They usually wait a second.
pub(super) const LATE: Duration = Duration::from_mins(1);

/// The answers of the ledger.
pub(super) struct Read {
    /// The newest jobs that failed or may be stuck, as far as the caller sees them.
    pub(super) jobs: Vec<Glance>,
    /// Whether older jobs that failed were not looked at, although fewer than the most were found.
    pub(super) is_cut: bool,
    /// The pauses and the workers; `None` for a caller that may not read them.
    pub(super) operation: Option<Operation>,
    /// The refused schedules; `None` for a caller that reads only its own jobs.
    pub(super) schedules: Option<Refused>,
    /// The unfinished jobs of the service as a whole; `None` for a caller that sees only a part of it.
    pub(super) queue: Option<Queue>,
    /// The number of holds whose release or expiry has queued no job for [`LATE`]. Read only while jobs are held, for the
    /// callers of `queue`.
    pub(super) late_holds: u64,
}

/// The pauses and the workers.
pub(super) struct Operation {
    pub(super) pauses: Pauses,
    /// The workers that report.
    pub(super) heard: Vec<WorkerRow>,
    /// The workers that reported within a day, and report no more. Read only with the numbers of the whole service.
    pub(super) gone: Vec<WorkerRow>,
}

/// Reads the data that the overview shows to a caller.
pub(super) async fn read(state: &AppState, principal: &Principal) -> Result<Read, Problem> {
    let reads_all = principal.has(Scope::JobsRead);
    let sees_all = reads_all && principal.require_all_of(None).is_ok();
    let (jobs, is_cut) = jobs(state, principal).await?;
    let queue = if sees_all {
        // All open pages share a read.
        let read = async { Ok::<_, Problem>(state.ledger().queue().await?) };
        Some(state.queue().get(read).await?)
    } else {
        None
    };
    let late_holds = if queue.as_ref().is_some_and(has_held) {
        state.ledger().late_holds(LATE).await?
    } else {
        0
    };
    Ok(Read {
        jobs,
        is_cut,
        operation: if reads_all {
            Some(operation(state, principal, sees_all).await?)
        } else {
            None
        },
        schedules: if reads_all {
            Some(Refused::read(state, principal).await?)
        } else {
            None
        },
        queue,
        late_holds,
    })
}

/// Returns whether jobs are held.
fn has_held(queue: &Queue) -> bool {
    queue.jobs.get(JobState::Held.as_str()).is_some_and(|jobs| *jobs > 0)
}

/// Returns the jobs, and whether older jobs were not looked at.
async fn jobs(state: &AppState, principal: &Principal) -> Result<(Vec<Glance>, bool), Problem> {
    let (whose, mut jobs, mut failed, mut after) = (principal.seen(), Vec::new(), 0, None);
    for most in READS {
        // Each read looks at the same jobs that may be stuck.
        let stuck = if after.is_none() { STUCK } else { 0 };
        let read = state.ledger().glances(&whose, after, most, stuck).await?;
        let left = FAILED - failed;
        let seen = read.jobs.into_iter().filter(|job| sees(principal, job));
        let (ended, open): (Vec<Glance>, Vec<Glance>) = seen.partition(|job| job.ended_at.is_some());
        failed += ended.len().min(left);
        jobs.extend(open.into_iter().chain(ended.into_iter().take(left)));
        after = read.next;
        if after.is_none() || failed == FAILED {
            break;
        }
    }
    Ok((jobs, after.is_some() && failed < FAILED))
}

/// Returns whether the caller sees a job, within its bounds.
// A new key under an old name may be bound to another person. A job without an aim holds no data of a person any more.
fn sees(principal: &Principal, job: &Glance) -> bool {
    let is_within = job.aim.as_ref().is_none_or(|aim| principal.is_within(aim));
    is_within && principal.sees_job_of(&job.principal, &job.targets)
}

async fn operation(state: &AppState, principal: &Principal, with_gone: bool) -> Result<Operation, Problem> {
    let within = if with_gone { SHOWN } else { HEARD_WITHIN };
    let workers = reported(state, principal, within).await?;
    let (heard, gone) = workers.into_iter().partition(is_heard);
    Ok(Operation {
        pauses: state.ledger().pauses().await?,
        heard,
        gone,
    })
}
