//! Planning a query about a table that has only points: the plan lists them, so points that are written
//! later stay, whatever their ids.
//!
//! One pass reads the points page by page. Each record commits lists with the offset after them, so a
//! worker that dies here repeats at most [`PAGES`] pages.

use lethe_common::ledger::{NewPartition, Work};

use super::cut::{BATCHES, Cut, part};
use crate::job::conditions::conditions;
use crate::job::cursor::Cursor;
use crate::job::{held, matching, survey};
use crate::lease::{Environment, LeaseGuard, Stop};
use crate::targets::Mapped;

/// The number of pages to read before their lists are committed.
// As many as a range has batches. Pages without a match count too: they take as long.
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
        // The job takes no more, whether or not more points match.
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
    if lease.job.expects {
        // As a dry run counts: without the points that a hold keeps.
        let holds = env.holds(mapped, &[lease.fence()]).await?;
        held::mark(env, mapped, &holds, &mut entries.iter_mut().collect::<Vec<_>>()).await?;
    }
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
        // A job leaves planning only with a partition, so it gets an empty one.
        partitions.push(part(lease, Work::Ids([].into()), 0));
    }
    // The job's expectation is compared with the listed points.
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
