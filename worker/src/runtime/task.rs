//! One apalis task: a group of leases, worked on until each is recorded or released.
//!
//! The task's outcome is in the ledger before it ends, so apalis' own retries never act. If the task panics, its leases
//! are released as after any failure. If the process dies, they expire.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures::FutureExt;
use lethe_common::ledger::{Fence, Lease};
use lethe_common::metrics;
use tokio::sync::OwnedSemaphorePermit;
use tracing::Instrument as _;

use crate::job::work;
use crate::lease::{Environment, Stop, put_back};
use crate::runtime::rounds::Round;
use crate::span;
use crate::store::StoreError;
use crate::targets::TargetSlot;

/// The work of one task.
#[derive(Debug)]
pub(crate) struct Group {
    /// The leases: one, or several small ones of one route and kind.
    pub(crate) leases: Vec<Lease>,
    /// The number of the trial in which it probes its target, whose breaker is open.
    pub(crate) trial: Option<u64>,
    /// The slot that the group occupies.
    pub(crate) _permit: OwnedSemaphorePermit,
    /// Its target's claim to that slot.
    pub(crate) _share: TargetSlot,
    /// Its entry among the groups under way, if its jobs are small.
    pub(crate) _round: Option<Round>,
}

/// Runs a group, in the span of its work.
pub(crate) async fn run(group: Group, env: Arc<Environment>) {
    let span = span::of(&group.leases);
    run_inside(group, env).instrument(span).await;
}

async fn run_inside(group: Group, env: Arc<Environment>) {
    // The round and the share are dropped before the permit, so the next holder of the permit finds both up to date.
    let Group {
        leases,
        trial,
        _permit,
        _share,
        _round,
    } = group;
    let claimed: Vec<Fence> = leases.iter().map(Lease::fence).collect();
    let target = leases
        .first()
        .map(|lease| lease.route.target.clone())
        .unwrap_or_default();
    let env = Environment {
        probed: trial.map(|trial| (target.as_str().into(), trial)),
        ..env.watching(&claimed)
    };
    let leases = leases.into_iter().map(|lease| env.leases.add(lease)).collect();
    metrics::in_progress(env.leases.count());
    let outcome = AssertUnwindSafe(work(&env, leases)).catch_unwind().await;
    // After a slow answer, the breaker keeps its pause.
    let slow = matches!(
        &outcome,
        Ok(Err(Stop::Store(StoreError::Timeout { .. } | StoreError::Busy { .. })))
    );
    match outcome {
        Ok(Ok(true)) => env.answered(&target),
        Ok(Ok(false)) => {}
        Ok(Err(stop)) => put_back::after_stop(&env, &claimed, stop).await,
        Err(_) => put_back::after_panic(&env, &claimed).await,
    }
    // The trial is over if this probe closed the breaker or kept it open. Then this changes nothing.
    if !slow {
        env.learnt_nothing(&target);
    }
    for fence in claimed {
        env.leases.remove(fence);
    }
    metrics::in_progress(env.leases.count());
}
