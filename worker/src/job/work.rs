//! The work on a group of leases, by the kind of their partitions.

use std::sync::Arc;

use lethe_common::error_code::ErrorCode;
use lethe_common::ledger::Kind;
use lethe_common::metrics;

use crate::job::{erase, plan, preview, read_back};
use crate::lease::{Environment, LeaseGuard, Stop, window};
use crate::targets::Mapped;

/// Does the work of a group. Returns whether it called a store.
pub(crate) async fn work(env: &Environment, mut leases: Vec<LeaseGuard>) -> Result<bool, Stop> {
    let Some(first) = leases.first() else { return Ok(false) };
    let Some(mapped) = env.mappings.get(&first.route).map(Arc::clone) else {
        return Ok(false);
    };
    let kind = first.kind;
    for _ in &leases {
        metrics::attempt(kind);
    }
    let poisoned = |lease: &mut LeaseGuard| lease.rescues >= env.config.lease.rescues;
    if leases.len() == 1
        && let Some(lease) = leases.pop_if(poisoned)
    {
        // Workers die on it without progress: the partition itself is at fault.
        return lease.fail(env, ErrorCode::Poison).await.map(|()| false);
    }
    // Erasing checks the window before each batch.
    let leases = match kind {
        Kind::Erase => leases,
        Kind::Check | Kind::Plan | Kind::Preview | Kind::ReadBack => window::admit(env, leases).await?,
    };
    if leases.is_empty() {
        return Ok(false);
    }
    // Boxed: the futures of the kinds differ much in size.
    match kind {
        // These never share a task.
        Kind::Plan => {
            for lease in leases {
                Box::pin(plan::plan(env, &mapped, lease)).await?;
            }
            Ok(true)
        }
        Kind::Check | Kind::Preview => {
            for lease in leases {
                Box::pin(preview::preview(env, &mapped, lease)).await?;
            }
            Ok(true)
        }
        Kind::ReadBack => Box::pin(read_back::read_back(env, &mapped, leases))
            .await
            .map(|()| true),
        Kind::Erase => erase_and_read_back(env, &mapped, leases).await,
    }
}

/// Erases partitions. Reads a job's last erasing partition back under the same lease.
async fn erase_and_read_back(env: &Environment, mapped: &Mapped, leases: Vec<LeaseGuard>) -> Result<bool, Stop> {
    let (again, asked) = Box::pin(erase::erase(env, mapped, leases)).await?;
    if again.is_empty() {
        return Ok(asked);
    }
    for _ in &again {
        metrics::attempt(Kind::ReadBack);
    }
    Box::pin(read_back::read_back(env, mapped, again)).await?;
    Ok(asked)
}
