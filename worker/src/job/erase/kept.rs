//! Kept vectors: they still existed after their deletion, and are retried at most `retry.rounds` times.

use lethe_common::job::StoreKind;
use lethe_common::ledger::LeaseCheck;

use super::batch_part::BatchPart;
use super::memory_outcome::MemoryOutcome;
use crate::job::intent::{Intent, Vectors};
use crate::lease::retry::{self, Verdict};
use crate::lease::{Environment, LEDGER_REFUSED, Stop};
use crate::store::StoreError;

/// Returns whether kept vectors are retried.
pub(super) fn is_worth_another_try(env: &Environment, intent: &Intent, met: &[MemoryOutcome]) -> bool {
    intent.kept < env.config.retry.rounds && met.iter().any(MemoryOutcome::is_kept)
}

/// Counts the kept vectors in the intents, and releases the partitions for a retry.
pub(super) async fn put_back(env: &Environment, kept: Vec<(BatchPart, Vec<MemoryOutcome>)>) -> Result<(), Stop> {
    for (BatchPart { lease, mut intent, .. }, met) in kept {
        intent.kept += 1;
        for (entry, met) in intent.entries.iter_mut().zip(met).filter(|(_, met)| met.is_kept()) {
            // A point that was written since the batch began is deleted too: its memory's row was the job's.
            entry.points.extend(met.kept);
            entry.points.sort_unstable();
            entry.points.dedup();
            if entry.row {
                entry.vectors = Vectors::OfRow;
            }
        }
        match lease.intend(env, intent.text(&lease)).await? {
            LeaseCheck::Refused => lease.fail(env, LEDGER_REFUSED).await?,
            LeaseCheck::Lost => lease.forget(env),
            LeaseCheck::Proceed(_) | LeaseCheck::Cancel(_) | LeaseCheck::Pause(_) => {
                retry::put_back(env, lease, &StoreError::Kept(StoreKind::Vector), Verdict::Fine).await?;
            }
        }
    }
    Ok(())
}
