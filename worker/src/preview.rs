//! Dry runs, and looks before an erasure that says what it expects to find.
//!
//! Nothing is written but what was found; a worker that dies here is replaced by one that looks again.

use lethe_common::ledger::{Delta, Kind, Lease, Record, RecordEnd};

use crate::batch;
use crate::environment::Environment;
use crate::look::{Look, look};
use crate::mapped::Mapped;
use crate::task::Stop;

pub(crate) async fn preview(env: &Environment, mapped: &Mapped, mut leases: Vec<Lease>) -> Result<(), Stop> {
    env.keep(&mut leases).await?;
    // They never share a task.
    let (delta, end) = if leases[0].job.cancelling {
        (Delta::default(), RecordEnd::Cancelled)
    } else {
        let warning = match batch::warning(mapped, &leases[0]).await {
            Ok(warning) => warning,
            Err(error) => return Err(Stop::store(leases, error)),
        };
        match look(env, mapped, &mut leases).await? {
            Ok(look) if leases[0].kind == Kind::Check => (checked(look), RecordEnd::Checked),
            Ok(look) => {
                let counted = counted(&leases[0], look);
                (Delta { warning, ..counted }, RecordEnd::Done)
            }
            Err(error) => return Err(Stop::store(leases, error)),
        }
    };
    let lease = &leases[0];
    let record = Record {
        lease,
        delta,
        progress: None,
        remaining: lease.remaining,
        end: Some(end),
    };
    let after = env
        .insist(&leases, || env.ledger.record(std::slice::from_ref(&record)))
        .await
        .ok_or(Stop::Lost)?;
    env.observe(lease, &after);
    Ok(())
}

/// Returns what is kept of a look before an erasure, which accounts for the memories itself.
fn checked(look: Look) -> Delta {
    Delta {
        found: Some(look.found),
        ..Delta::default()
    }
}

fn counted(lease: &Lease, look: Look) -> Delta {
    // How many a list has was known when it was accepted.
    let met = if lease.job.is_unlisted() { look.memories } else { 0 };
    Delta {
        counts: look.counts,
        items: look.items,
        selected: i64::try_from(met).unwrap_or(i64::MAX),
        found: Some(look.found),
        ..Delta::default()
    }
}
