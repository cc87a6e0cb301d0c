//! Where a plan cuts: after the first range by a sample, if the database draws one; else by asking it for
//! the end of each range; else by reading the keys.
//!
//! What each costs is in `common/README.md`. A way that takes longer than a call may is not tried again.

use lethe_common::job::StoreKind;
use lethe_common::ledger::{Kind, Lease, NewPartition, Work};
use lethe_common::metrics::StoreCall;
use lethe_common::selection::Selection;

use crate::job::conditions::conditions;
use crate::job::cursor::{Cursor, Ends};
use crate::job::pages::{self, Page, Rows};
use crate::job::piece::Piece;
use crate::lease::{Environment, LeaseGuard, Stop};
use crate::store::StoreError;
use crate::targets::Mapped;

/// How many batches make a range.
// Long enough that claiming costs little, short enough that many workers share a large subject.
pub(super) const BATCHES: usize = 10;

/// How many ranges have to be left to cut for a sample to be drawn.
const MANY: u64 = 10;

/// The most ranges that a sample is cut into: they are kept in one transaction.
const MOST: u64 = 5_000;

/// How many pages, or pieces of the table, are looked at before what they had is committed.
// Pieces in which nothing matches count too: they take as long.
const LOOKS: usize = BATCHES;

/// The fewest rows that are cut by a sample, about: fewer are those of a few blocks, all or none of them drawn.
const LEAST: u64 = 5_000;

/// What a plan cuts at a time.
pub(super) struct Cut {
    pub(super) partitions: Vec<NewPartition>,
    /// How far the plan is; once it is done, what reading back has to know.
    pub(super) progress: Option<String>,
    pub(super) done: bool,
    /// What was listed so far, if the job says what that has to be.
    pub(super) found: Option<Selection>,
}

impl Cut {
    fn last(partitions: Vec<NewPartition>) -> Self {
        Self {
            partitions,
            progress: None,
            done: true,
            found: None,
        }
    }
}

/// Returns the next partitions.
pub(super) async fn cut(env: &Environment, mapped: &Mapped, lease: &LeaseGuard) -> Result<Cut, Stop> {
    let cursor = Cursor::of(lease);
    let mut piece = cursor.piece();
    let mut last = cursor.after.clone();
    let mut n = 0;
    let mut more = true;
    let most = lease.job.max_memories.unwrap_or(u64::MAX);
    let room = usize::try_from(most.saturating_sub(cursor.taken)).unwrap_or(usize::MAX);
    let mut full = false;
    let range = BATCHES * env.config.worker.batch as usize;
    let mut ends = if piece.rows > 0 { Ends::Read } else { cursor.ends };
    // Not for the first one: most people's memories are fewer, and are read in a page.
    if let Some(after) = &cursor.after {
        if ends == Ends::Sampled && lease.job.max_memories.is_none() {
            match sampled(env, mapped, lease, after).await? {
                Some(partitions) => return Ok(Cut::last(partitions)),
                None => ends = Ends::Counted,
            }
        }
        if ends != Ends::Read && room > range {
            lease.keep(env).await?;
            match far(env, mapped, lease, after).await {
                Ok(None) => {}
                Ok(found) => (last, n) = (found, range),
                // Few rows match: they are gone through page by page.
                Err(StoreError::Timeout { .. }) => ends = Ends::Read,
                Err(error) => return Err(error.into()),
            }
        }
    }
    let mut looks = 0;
    while more && n < range && looks < LOOKS {
        // A page may take as long as a call may: all of them together longer than a lease.
        lease.keep(env).await?;
        let Some(page) = page(env, mapped, lease, &piece).await? else {
            return Ok(Cut::last(sweep(mapped, lease).into_iter().collect()));
        };
        looks += 1;
        let mut ids: Vec<String> = page.rows.into_iter().map(|(id, _)| id).collect();
        // That is all that the job takes, whether or not there is more.
        full = ids.len() >= room - n;
        ids.truncate(room - n);
        more = page.next.is_some() && !full;
        n += ids.len();
        last = ids.into_iter().next_back().or(last);
        if let Some(next) = page.next.filter(|_| more) {
            // What lies up to the end of a piece was gone over, though nothing there is meant.
            last.clone_from(&next.after);
            piece = next;
        }
    }
    let query = lease.job.query.is_some();
    let mut partitions = Vec::new();
    if query && n == 0 {
        if !more && cursor.taken == 0 {
            // A job goes on from a plan with something to do, if only with nothing.
            partitions.push(part(lease, Work::Ids([].into()), 0));
        }
    } else {
        // The last range of a subject has no end: what is written meanwhile beyond the last key is in it
        // too. A query is about what was there.
        let through = if more || query { last.clone() } else { None };
        partitions.push(range_of(lease, cursor.after, through, n as u64));
    }
    if !more && !query {
        // The sweep for vectors without a row comes once.
        partitions.extend(sweep(mapped, lease));
    }
    let then = Cursor {
        through: last.clone().filter(|_| full),
        taken: cursor.taken + n as u64,
        after: last,
        rows: piece.rows,
        ends,
        ..Cursor::default()
    };
    Ok(Cut {
        partitions,
        progress: if more { Some(then.text()) } else { then.kept() },
        done: !more,
        found: None,
    })
}

/// Returns all ranges beyond the first, which ends at `after`, if the database draws a sample and many of
/// them are left.
async fn sampled(
    env: &Environment,
    mapped: &Mapped,
    lease: &LeaseGuard,
    after: &str,
) -> Result<Option<Vec<NewPartition>>, Stop> {
    let Some(table) = mapped.sql().await? else {
        return Ok(None);
    };
    let conditions = conditions(lease);
    let taken = Cursor::of(lease).taken;
    let Some(all) = in_time(env, mapped, lease, StoreCall::Count, table.count(&conditions)).await? else {
        return Ok(None);
    };
    let left = all.saturating_sub(taken);
    let range = (BATCHES as u64 * u64::from(env.config.worker.batch))
        .max(LEAST)
        .max(left / MOST);
    if left < MANY * range {
        return Ok(None);
    }
    // The last range of a subject has no end.
    let mut end = None;
    if lease.job.query.is_some() {
        end = in_time(env, mapped, lease, StoreCall::Page, table.last(&conditions))
            .await?
            .flatten();
        if end.is_none() {
            return Ok(None);
        }
    }
    let cuts = table.cuts(&conditions, after, end.as_deref(), range, left);
    let cuts = in_time(env, mapped, lease, StoreCall::Page, cuts).await?.flatten();
    // Where so few are drawn that match, they lie close together.
    let Some(cuts) = cuts.filter(|cuts| cuts.len() as u64 >= left / range / 4) else {
        return Ok(None);
    };
    let each = left / (cuts.len() as u64 + 1);
    let mut partitions = Vec::with_capacity(cuts.len() + 2);
    let mut from = after.to_owned();
    for cut in cuts {
        partitions.push(range_of(lease, Some(from), Some(cut.clone()), each));
        from = cut;
    }
    let rest = left - each * partitions.len() as u64;
    partitions.push(range_of(lease, Some(from), end, rest));
    partitions.extend(sweep(mapped, lease).filter(|_| lease.job.query.is_none()));
    Ok(Some(partitions))
}

/// Makes one of several calls, each of which may take as long as a call may; returns `None` if it takes longer: that
/// way is not gone.
async fn in_time<T>(
    env: &Environment,
    mapped: &Mapped,
    lease: &LeaseGuard,
    what: StoreCall,
    call: impl Future<Output = Result<T, StoreError>>,
) -> Result<Option<T>, Stop> {
    lease.keep(env).await?;
    match env.call(mapped, StoreKind::Sql, what, call).await {
        Ok(answer) => Ok(Some(answer)),
        Err(StoreError::Timeout { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Returns the next ids of the subject's rows, or nothing at all if there is no table.
async fn page(env: &Environment, mapped: &Mapped, lease: &Lease, from: &Piece) -> Result<Option<Page>, StoreError> {
    if mapped.sql().await?.is_none() {
        return Ok(None);
    }
    let rows = Rows {
        through: None,
        // One that was changed since the start is in a range too, so that its batch shows it.
        changed: true,
        limit: env.config.worker.batch,
    };
    let page = pages::page(env, mapped, lease, StoreCall::Page, from, rows).await?;
    Ok(Some(page))
}

/// Returns the key of the last row of a whole range, if there are that many: the database counts, and
/// no keys travel.
async fn far(env: &Environment, mapped: &Mapped, lease: &Lease, after: &str) -> Result<Option<String>, StoreError> {
    let Some(table) = mapped.sql().await? else {
        return Ok(None);
    };
    let conditions = conditions(lease);
    let rows = BATCHES as u64 * u64::from(env.config.worker.batch);
    let far = table.nth(&conditions, Some(after), rows);
    env.call(mapped, StoreKind::Sql, StoreCall::Page, far).await
}

/// Returns the partition that looks for vectors without a row, if there are vectors.
fn sweep(mapped: &Mapped, lease: &Lease) -> Option<NewPartition> {
    mapped.table.collection.as_ref().map(|_| part(lease, Work::Points, 0))
}

pub(super) fn part(lease: &Lease, work: Work, remaining: u64) -> NewPartition {
    NewPartition {
        kind: Kind::Erase,
        route: lease.route.clone(),
        stores: lease.stores.clone(),
        work,
        alias: lease.alias,
        remaining,
    }
}

fn range_of(lease: &Lease, after: Option<String>, through: Option<String>, rows: u64) -> NewPartition {
    part(lease, Work::Range { after, through }, rows)
}
