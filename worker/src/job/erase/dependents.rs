//! The number of dependents' rows that were deleted with the memories of each part.
//!
//! The deleting statements return the numbers, and the record counts them. If a vector store fails in between, the
//! intent keeps the numbers. If the process dies in between, they are lost: the next attempt finds rows gone, and
//! reports that the count is too low.

use super::batch_part::BatchPart;
use super::memory_outcome::Row;
use crate::job::intent::Taken;
use crate::lease::{Environment, Stop, intend};
use crate::store::sql;

/// Adds the dependents' rows that this attempt deleted to each part.
pub(super) fn count(parts: &mut [BatchPart], rows: &[Row], taken: sql::Taken) {
    let mut of_shares: Vec<Taken> = Vec::with_capacity(parts.len());
    let mut rows = rows.iter();
    for part in &*parts {
        let own = rows.by_ref().take(part.intent.entries.len());
        let gone = own.filter(|row| **row == Row::Gone).count();
        of_shares.push(Taken {
            more: gone > 0 && !part.fresh && part.intent.taken.is_none(),
            ..Taken::default()
        });
    }
    for ((part, table), n) in taken {
        if let Some(taken) = of_shares.get_mut(part) {
            *taken.tables.entry(table).or_insert(0) += n;
        }
    }
    for (part, taken) in parts.iter_mut().zip(of_shares) {
        part.intent.took(taken);
    }
}

/// Stores the numbers in the intents, for the next attempt.
pub(super) async fn remember(env: &Environment, parts: &[BatchPart]) -> Result<(), Stop> {
    let counted: Vec<&BatchPart> = parts.iter().filter(|part| part.intent.taken.is_some()).collect();
    if counted.is_empty() {
        return Ok(());
    }
    let intents = counted.iter().map(|part| (&part.lease, part.intent.text(&part.lease)));
    intend(env, intents.collect()).await.map(drop)
}
