//! Reading a small job back before its batch is recorded: then one record ends it.
//!
//! This applies to a job of one list of ids without failures and holds. If the read-back finds a memory, or a store does not
//! answer, the batch is recorded like any other, and the job is read back after the record.

use std::collections::HashSet;

use lethe_common::job::{JobId, Outcome};
use lethe_common::ledger::{Kind, Work};
use lethe_common::metrics;

use super::batch_part::BatchPart;
use super::memory_outcome::MemoryOutcome;
use crate::job::read_back;
use crate::lease::{Environment, LeaseGuard, Stop};
use crate::targets::Mapped;

/// Returns the jobs that end with this batch and have nothing left in any store.
pub(super) async fn confirm(
    env: &Environment,
    mapped: &Mapped,
    done: &[(BatchPart, Vec<MemoryOutcome>)],
) -> HashSet<JobId> {
    let ending = done.iter().filter(|(part, met)| is_all(part, met));
    let leases: Vec<&LeaseGuard> = ending.map(|(part, _)| &part.lease).collect();
    if leases.is_empty() {
        return HashSet::new();
    }
    for _ in &leases {
        metrics::attempt(Kind::ReadBack);
    }
    match read_back::is_gone(env, mapped, &leases).await {
        Ok(gone) => {
            let gone = leases.iter().zip(gone).filter(|(_, gone)| *gone);
            gone.map(|(lease, _)| lease.job.id).collect()
        }
        // The batch is recorded anyway: only this task knows its outcomes. The fence refuses a lost lease's record.
        Err(stop) => {
            let code = match stop {
                Stop::Store(error) => Some(error.code().as_str()),
                Stop::Lost | Stop::Over | Stop::Refused(_) | Stop::Rejected => None,
            };
            tracing::debug!(error.code = code, "small jobs are read back after their records");
            HashSet::new()
        }
    }
}

/// Returns whether this batch is the last one of a job with one list of ids, and nothing failed or is held.
fn is_all(part: &BatchPart, met: &[MemoryOutcome]) -> bool {
    let job = &part.lease.job;
    let is_last = matches!(part.lease.work, Work::Ids(_)) && job.is_single && part.intent.then.is_none();
    // A held memory is still there, and must not look like a residue.
    let is_open = |outcome: Outcome| outcome.fails_job() || outcome == Outcome::Held;
    let stays = |met: &MemoryOutcome| met.refused.is_some() || met.iter().any(|(_, outcome, _)| is_open(outcome));
    is_last && !job.cancelling && !met.iter().any(stays)
}
