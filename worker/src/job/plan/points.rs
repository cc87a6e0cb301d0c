//! Planning a query about a table that has only points: they are listed, so that what is written later
//! stays, wherever its id falls.
//!
//! One pass over the points, a page at a time; the lists are committed with the offset that follows
//! them, so a worker that dies here repeats at most [`PAGES`] pages.

use lethe_common::ledger::{NewPartition, Work};

use super::cut::{BATCHES, Cut, part};
use crate::job::conditions::conditions;
use crate::job::cursor::Cursor;
use crate::job::{matching, survey};
use crate::lease::{Environment, LeaseGuard, Stop};
use crate::targets::Mapped;

/// How many pages are read before what they had is committed.
// Like the batches of a range. Pages of which nothing matches count too: they take as long.
const PAGES: usize = BATCHES;

/// Returns the next lists.
pub(super) async fn cut(env: &Environment, mapped: &Mapped, lease: &LeaseGuard) -> Result<Cut, Stop> {
    let cursor = Cursor::of(lease);
    let most = lease.job.max_memories.unwrap_or(u64::MAX);
    let room = usize::try_from(most.saturating_sub(cursor.taken)).unwrap_or(usize::MAX);
    let size = env.config.worker.batch;
    let mut entries = Vec::new();
    let mut then = Some(cursor.clone());
    for _ in 0..PAGES {
        // That is all that the job takes, whether or not there is more.
        let Some(from) = then.take_if(|_| entries.len() < room) else {
            break;
        };
        lease.keep(env).await?;
        let conditions = conditions(lease);
        let (found, next) = matching::page(env, mapped, &conditions, &from, size).await?;
        entries.extend(found);
        then = next;
    }
    entries.truncate(room);
    let mut found = cursor.found.unwrap_or_default();
    for entry in &entries {
        survey::count(&mut found, lease, &mapped.route, entry);
    }
    let taken = cursor.taken + entries.len() as u64;
    let done = then.is_none() || entries.len() == room;
    let points: Vec<String> = entries.iter().map(|entry| entry.points[0].text()).collect();
    let mut partitions: Vec<NewPartition> = points
        .chunks(size as usize)
        .map(|some| part(lease, Work::Listed(some.into()), some.len() as u64))
        .collect();
    if done && taken == 0 {
        // A job goes on from a plan with something to do, if only with nothing.
        partitions.push(part(lease, Work::Ids([].into()), 0));
    }
    // What is listed is what is held against an expectation.
    let found = lease.job.expects.then_some(found);
    let then = then.filter(|_| !done).map(|then| Cursor {
        taken,
        found: found.clone(),
        ..then
    });
    Ok(Cut {
        partitions,
        progress: then.as_ref().map(Cursor::text),
        done,
        found,
    })
}
