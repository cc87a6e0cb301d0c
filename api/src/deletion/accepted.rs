//! A job right after its acceptance.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;
use lethe_common::clock::to_millis;
use lethe_common::doorbell::Ring;
use lethe_common::job::{JobId, StoreKind};
use lethe_common::ledger::{JobView, NewJob, Standing, StoreCounts, Wait, WaitReason};
use lethe_common::state::State;

use crate::state::AppState;

/// Logs that a job was accepted, and notifies the workers.
pub(crate) fn announce(state: &AppState, id: JobId, kind: &str) {
    tracing::info!(job.id = %id, job.kind = kind, "a job was accepted");
    state.doorbell().ring(Ring::Work);
}

/// Returns the view of a job that was accepted just now. It is due soon from `soon` before its deadline on.
// Reading it back from the ledger would cost each acceptance three queries. Its times come from this process' clock
// until a client requests the job again.
pub(crate) fn just_accepted(job: &NewJob, now: Timestamp, soon: Duration) -> JobView {
    let now = to_millis(now);
    let selected = job.partitions.iter().map(|partition| partition.remaining).sum();
    let stores: BTreeSet<(String, StoreKind)> = job
        .partitions
        .iter()
        .flat_map(|partition| {
            partition
                .stores
                .iter()
                .map(|store| (partition.route.target.clone(), *store))
        })
        .collect();
    JobView {
        id: job.id,
        version: 1,
        principal: job.scope.principal.clone(),
        state: State::Queued,
        kind: job.kind().to_owned(),
        target: job.target.clone(),
        targets: job.targets(),
        table: job.table.clone(),
        dry_run: job.dry_run,
        limit: job.limit,
        expect: job.expect,
        preview: None,
        per_second: job.per_second,
        throttled_ms: 0,
        throttled_for_ms: 0,
        batch: job.execution.batch.map(u64::from),
        slices: job.execution.slices.map(u64::from),
        opaque_id: job.execution.opaque_id.clone(),
        schedule: job.execution.schedule.clone(),
        marks: job.execution.marks.clone(),
        standing: standing(job, now, soon),
        legal: job.execution.legal.clone(),
        // What it waits for otherwise is known to the ledger.
        waits_for: job
            .not_before
            .filter(|at| *at > now)
            .map(|at| Wait::new(WaitReason::NotBefore, Some(now), Some(at))),
        task_forgotten: false,
        accepted_at: now,
        not_before: job.not_before.unwrap_or(now),
        started_at: None,
        ended_at: None,
        held_at: None,
        forgotten_at: None,
        attempt: 1,
        attempts: Vec::new(),
        settled: 0,
        round: 0,
        selected,
        remaining: selected,
        recent_rate: None,
        error_code: None,
        version_erased: None,
        snapshot: None,
        warnings: job.warnings.iter().cloned().collect(),
        next_attempt_at: Some(job.not_before.unwrap_or(now)),
        stores: stores
            .into_iter()
            .map(|(target, store)| StoreCounts {
                target,
                store,
                counts: BTreeMap::new(),
                dependents: BTreeMap::new(),
            })
            .collect(),
        now,
    }
}

/// Returns how a job stands to its deadline, if it has one.
fn standing(job: &NewJob, now: i64, soon: Duration) -> Option<Standing> {
    let deadline = job.execution.legal.deadline.as_ref()?;
    Some(deadline.standing(State::Queued, None, now, soon))
}
