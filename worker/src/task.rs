//! One apalis task: a group of leases, worked on until each is recorded or given back.
//!
//! The task's outcome is in the ledger before it ends, so apalis' own retries never act. If the
//! task panics, its leases are put back like any failure; if the process dies, they run out.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::FutureExt;
use lethe_common::doorbell::Ring;
use lethe_common::error_code::ErrorCode;
use lethe_common::ledger::{After, Kind, Lease, Release};
use lethe_common::metrics::{self, RetryClass};
use tokio::sync::OwnedSemaphorePermit;

use crate::environment::Environment;
use crate::record::LEDGER_REFUSED;
use crate::shares::Share;
use crate::store::StoreError;
use crate::{erase, plan, preview, read_back, retry, window};

/// What one task works on.
#[derive(Debug)]
pub(crate) struct Group {
    /// The leases: one, or several small ones of one route and kind.
    pub(crate) leases: Vec<Lease>,
    /// The slot it occupies.
    pub(crate) _permit: OwnedSemaphorePermit,
    /// Its target's claim to that slot.
    pub(crate) _share: Share,
}

/// Why the work on leases stopped before they were recorded.
#[derive(Debug)]
pub(crate) enum Stop {
    /// A lease was lost, or the ledger could not be reached while it lasted: touch nothing more.
    Lost,
    /// The ledger refuses a step of these leases, and would refuse it again.
    Refused(Vec<Lease>),
    /// The ledger rejects a step until an operator changes something.
    Rejected,
    /// A store did not do what it was asked.
    Store(Vec<Lease>, StoreError),
}

impl Stop {
    pub(crate) fn store(leases: Vec<Lease>, error: StoreError) -> Self {
        match error {
            StoreError::LeaseLost => Self::Lost,
            error => Self::Store(leases, error),
        }
    }
}

/// Runs a group.
pub(crate) async fn run(group: Group, env: Arc<Environment>) {
    // The share goes before the permit: who waits for a permit finds the target's share up to date.
    let Group {
        leases,
        _permit,
        _share,
    } = group;
    let fences = Arc::new(leases.clone());
    let env = env.watching(&fences);
    for lease in &leases {
        env.leases.add(lease);
        if lease.job.first {
            metrics::queue_wait(millis(lease.job.waited_ms));
        }
        if lease.rescues > 0 {
            metrics::retry(RetryClass::Rescue, None);
        }
    }
    let target = leases
        .first()
        .map(|lease| lease.route.target.clone())
        .unwrap_or_default();
    metrics::in_progress(env.leases.count());
    let outcome = AssertUnwindSafe(work(&env, leases)).catch_unwind().await;
    // The breaker of a slow store waits for its pause.
    let slow = matches!(
        &outcome,
        Ok(Err(Stop::Store(
            _,
            StoreError::Timeout { .. } | StoreError::Busy { .. }
        )))
    );
    match outcome {
        Ok(Ok(true)) => env.answered(&target),
        Ok(Ok(false)) => {}
        Ok(Err(Stop::Lost)) => {
            metrics::retry(RetryClass::LeaseLost, None);
            // One lost lease stops its group; the others need not run out.
            put_back(&env, &fences, None).await;
        }
        Ok(Err(Stop::Refused(leases))) => {
            if let [lease] = leases.as_slice()
                && retry::fail(&env, lease, LEDGER_REFUSED).await.is_err()
            {
                tracing::warn!(job.id = %lease.job.id, "it could not be failed");
            }
            // Whose fault it is shows when each is alone.
            put_back(&env, &fences, None).await;
        }
        Ok(Err(Stop::Rejected)) => {
            metrics::retry(RetryClass::Transient, Some(LEDGER_REFUSED));
            put_back(&env, &fences, Some(LEDGER_REFUSED)).await;
        }
        Ok(Err(Stop::Store(leases, error))) => {
            if matches!(
                error,
                StoreError::Missing { .. } | StoreError::Mapping { .. } | StoreError::Mistyped(_)
            ) && let Some(mapped) = leases.first().and_then(|lease| env.mappings.get(&lease.route))
            {
                mapped.reopen().await;
            }
            if retry::after_error(&env, &leases, &error).await.is_err() {
                metrics::retry(RetryClass::LeaseLost, None);
            }
        }
        Err(_) => after_panic(&env, &fences).await,
    }
    // One that closed the breaker or kept it open is no longer a probe.
    if !slow {
        env.learnt_nothing(&target);
    }
    for lease in fences.iter() {
        env.leases.remove(lease);
    }
    metrics::in_progress(env.leases.count());
}

fn millis(ms: i64) -> Duration {
    Duration::from_millis(u64::try_from(ms).unwrap_or(0))
}

/// Does the work of a group; returns whether its stores were asked for anything.
async fn work(env: &Environment, leases: Vec<Lease>) -> Result<bool, Stop> {
    let Some(first) = leases.first() else { return Ok(false) };
    let Some(mapped) = env.mappings.get(&first.route).map(Arc::clone) else {
        return Ok(false);
    };
    let kind = first.kind;
    for _ in &leases {
        metrics::attempt(kind);
    }
    if let [lease] = leases.as_slice()
        && lease.rescues >= env.config.lease.rescues
    {
        // Its workers die, and nothing comes of it: that is the partition's own fault.
        return retry::fail(env, lease, ErrorCode::Poison).await.map(|()| false);
    }
    // Erasing asks before each batch.
    let leases = match kind {
        Kind::Erase => leases,
        Kind::Check | Kind::Plan | Kind::Preview | Kind::ReadBack => window::admit(env, leases).await?,
    };
    if leases.is_empty() {
        return Ok(false);
    }
    // Boxed: the futures of the kinds differ much in size.
    let (mut again, asked) = match kind {
        Kind::Plan => {
            Box::pin(plan::plan(env, &mapped, leases)).await?;
            (Vec::new(), true)
        }
        Kind::Check | Kind::Preview => {
            Box::pin(preview::preview(env, &mapped, leases)).await?;
            (Vec::new(), true)
        }
        Kind::Erase => Box::pin(erase::erase(env, &mapped, leases)).await?,
        Kind::ReadBack => (leases, true),
    };
    again.retain(|lease| lease.kind == Kind::ReadBack);
    if !again.is_empty() {
        if kind != Kind::ReadBack {
            for _ in &again {
                metrics::attempt(Kind::ReadBack);
            }
        }
        Box::pin(read_back::read_back(env, &mapped, again)).await?;
    }
    Ok(asked)
}

/// A panic says nothing about the stores: the partitions are tried again, alone, a few times.
async fn after_panic(env: &Environment, leases: &[Lease]) {
    for lease in leases {
        metrics::retry(RetryClass::Transient, Some(ErrorCode::Panic));
        tracing::error!(job.id = %lease.job.id, partition = lease.ordinal, "the work on a partition panicked");
    }
    match leases {
        [lease] if lease.failures >= env.config.lease.rescues => {
            if retry::fail(env, lease, ErrorCode::Panic).await.is_err() {
                tracing::warn!(job.id = %lease.job.id, "its lease has to run out");
            }
        }
        _ => put_back(env, leases, Some(ErrorCode::Panic)).await,
    }
}

/// Puts back what a task still holds of the leases that it began with; what was lost is left out.
async fn put_back(env: &Environment, leases: &[Lease], error: Option<ErrorCode>) {
    let failures = leases.iter().map(|lease| lease.failures).max().unwrap_or(0);
    let delay = retry::backoff(&env.config.retry, failures).as_millis();
    let delay_ms = u64::try_from(delay).unwrap_or(u64::MAX);
    let releases: Vec<Release> = env
        .leases
        .still_held(leases)
        .into_iter()
        .map(|held| Release {
            fence: held.fence,
            delay_ms,
            error,
            charged: error.is_some(),
            alone: true,
        })
        .collect();
    if !releases.is_empty() && env.ledger.release(&releases).await.is_err() {
        tracing::warn!(
            partitions = releases.len(),
            "the ledger cannot be reached: leases have to run out"
        );
    }
}

impl Environment {
    /// Tells the world what was recorded: metrics, the log, and whoever waits for the job.
    pub(crate) fn observe(&self, lease: &Lease, after: &[After]) {
        for after in after {
            match after {
                After::JobEnded { state, duration_ms } => {
                    metrics::job_ended(millis(*duration_ms));
                    tracing::info!(
                        job.id = %lease.job.id,
                        job.state = state.as_str(),
                        duration_ms,
                        trace = lease.job.trace,
                        "a job has ended"
                    );
                    self.leases.remove(lease);
                }
                After::Ended { due } => {
                    self.leases.remove(lease);
                    // Rung for every partition, every idle worker would look each time, and find nothing.
                    if *due {
                        self.doorbell.ring(Ring::Work);
                    }
                }
                After::Lost => {
                    metrics::retry(RetryClass::LeaseLost, None);
                    self.leases.remove(lease);
                }
                // The job's other partitions are due again, for whoever is idle.
                After::ReadBack(_) => self.doorbell.ring(Ring::Work),
                // A batch is done in both stores; the rest of the partition may take long.
                After::Continue { .. } => self.answered(&lease.route.target),
                After::Refused => {}
            }
        }
        self.changed(lease);
    }

    /// Notes that the stores of a target did what they were asked.
    fn answered(&self, target: &str) {
        if self.breakers.succeeded(target) {
            tracing::info!(target, "the target's stores answer again");
            self.shares.look_again();
        }
    }

    /// Lets another partition probe a target if this one was a probe and learnt nothing of the stores.
    fn learnt_nothing(&self, target: &str) {
        if self.breakers.learnt_nothing(target, Instant::now()) {
            self.shares.look_again();
        }
    }

    /// Tells whoever watches the job that it has changed.
    pub(crate) fn changed(&self, lease: &Lease) {
        self.doorbell.ring(Ring::Changed(lease.job.id));
    }
}
