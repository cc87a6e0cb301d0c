//! The one place where holds are asked before a batch has an effect. Nothing is erased past it, by any kind of job,
//! attempt or round: an intent that another attempt wrote is asked about as well.
//!
//! The holds are read after the intent's commit. A hold that was committed before it is therefore seen. The ledger names
//! the jobs with an older intent to the caller who placed the hold.

use super::batch_part::{BatchPart, fences};
use crate::holds::TableHolds;
use crate::job::held;
use crate::job::intent::{Dropped, Entry};
use crate::lease::{Environment, Stop};
use crate::targets::Mapped;

/// Makes the memories that a hold keeps drop out of a batch. Returns the holds.
pub(super) async fn admit(env: &Environment, mapped: &Mapped, parts: &mut [BatchPart]) -> Result<TableHolds, Stop> {
    let fences = fences(parts);
    let holds = env.holds(mapped, &fences).await?;
    if holds.all().is_none() {
        return Ok(holds);
    }
    env.keep(&fences).await?;
    let entries = parts.iter_mut().flat_map(|part| part.intent.entries.iter_mut());
    let mut entries: Vec<&mut Entry> = entries.collect();
    held::mark(env, mapped, &holds, &mut entries).await?;
    // Nothing could queue a point of an unknown memory again. The read-back reports it.
    let is_nameless = |entry: &Entry| entry.id.is_none() && entry.seen.dropped == Some(Dropped::HeldPoints);
    for part in parts {
        part.intent.entries.retain(|entry| !is_nameless(entry));
    }
    Ok(holds)
}
