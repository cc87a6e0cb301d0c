//! Planning a query about a table that has only points: they are listed, so that what is written later
//! stays, wherever its id falls.
//!
//! One pass over the points, a page at a time; the lists are committed with the offset that follows
//! them, so a worker that dies here repeats at most [`PAGES`] pages.

use lethe_common::ledger::{Lease, NewPartition, Work};

use super::cut::{BATCHES, Cut, part};
use crate::batch;
use crate::cursor::Cursor;
use crate::environment::Environment;
use crate::mapped::Mapped;
use crate::matching;
use crate::store::StoreError;
use crate::task::Stop;

/// How many pages are read before what they had is committed.
// Like the batches of a range. Pages of which nothing matches count too: they take as long.
const PAGES: usize = BATCHES;

/// Returns the next lists.
pub(super) async fn cut(
    env: &Environment,
    mapped: &Mapped,
    leases: &mut Vec<Lease>,
) -> Result<Result<Cut, StoreError>, Stop> {
    let cursor = Cursor::of(&leases[0]);
    let most = leases[0].job.most.unwrap_or(u64::MAX);
    let room = usize::try_from(most.saturating_sub(cursor.taken)).unwrap_or(usize::MAX);
    let size = env.config.worker.batch;
    let (mut points, mut offset, mut done) = (Vec::new(), cursor.offset, false);
    for _ in 0..PAGES {
        env.keep(leases).await?;
        let conditions = batch::conditions(&leases[0]);
        match matching::page(env, mapped, &conditions, offset, size).await {
            Ok((found, next)) => {
                points.extend(found.iter().map(|entry| entry.points[0].text()));
                offset = next;
            }
            Err(error) => return Ok(Err(error)),
        }
        // That is all that the job takes, whether or not there is more.
        done = offset.is_none() || points.len() >= room;
        if done {
            break;
        }
    }
    points.truncate(room);
    let lease = &leases[0];
    let taken = cursor.taken + points.len() as u64;
    let mut partitions: Vec<NewPartition> = points
        .chunks(size as usize)
        .map(|some| part(lease, Work::Listed(some.to_vec()), some.len() as u64))
        .collect();
    if done && taken == 0 {
        // A job goes on from a plan with something to do, if only with nothing.
        partitions.push(part(lease, Work::Ids(Vec::new()), 0));
    }
    let then = Cursor {
        taken,
        offset,
        ..Cursor::default()
    };
    Ok(Ok(Cut {
        partitions,
        progress: (!done).then(|| then.text()),
        done,
    }))
}
