//! How many rows of dependents went with the memories of each share.
//!
//! The deleting statements say it, and the record counts it. Between the two a vector store may fail: the intent
//! keeps the numbers then. If the process dies there, they are lost, and the attempt that finds rows gone says
//! that there are more.

use super::met::Row;
use super::share::Share;
use crate::job::intent::Taken;
use crate::lease::{Environment, Stop, intend};
use crate::store::sql;

/// Adds to each share what an attempt deleted of dependents.
pub(super) fn count(shares: &mut [Share], rows: &[Row], taken: sql::Taken) {
    let mut of_shares: Vec<Taken> = Vec::with_capacity(shares.len());
    let mut rows = rows.iter();
    for share in &*shares {
        let own = rows.by_ref().take(share.intent.entries.len());
        let gone = own.filter(|row| **row == Row::Gone).count();
        of_shares.push(Taken {
            more: gone > 0 && !share.fresh && share.intent.taken.is_none(),
            ..Taken::default()
        });
    }
    for ((share, table), n) in taken {
        if let Some(taken) = of_shares.get_mut(share) {
            *taken.tables.entry(table).or_insert(0) += n;
        }
    }
    for (share, taken) in shares.iter_mut().zip(of_shares) {
        share.intent.took(taken);
    }
}

/// Keeps in the intents what was deleted, for the attempt that goes on with them.
pub(super) async fn remember(env: &Environment, shares: &[Share]) -> Result<(), Stop> {
    let counted: Vec<&Share> = shares.iter().filter(|share| share.intent.taken.is_some()).collect();
    if counted.is_empty() {
        return Ok(());
    }
    let intents = counted
        .iter()
        .map(|share| (&share.lease, share.intent.text(&share.lease)));
    intend(env, intents.collect()).await.map(drop)
}
