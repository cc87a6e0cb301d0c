//! Cutting ranges. The first one is read; the others are cut by a sample, if the database draws one. Else
//! the database counts each range; else the keys are read.
//!
//! `common/README.md` has the cost of each way. A way that exceeds the time limit of a call is not tried again.

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

/// The number of batches in a range.
// Long enough that claiming costs little, short enough that many workers share a large subject.
pub(super) const BATCHES: usize = 10;

/// The fewest remaining ranges for which a sample is drawn.
const MANY: u64 = 10;

/// The most ranges, about, that a sample yields: one transaction stores them.
const MOST: u64 = 5_000;

/// The number of pages or pieces to read before their ranges are committed.
// Pieces without a match count too: they take as long.
const LOOKS: usize = BATCHES;

/// The fewest rows of a range that a sample cuts, about. Fewer rows share a few blocks, and a block is drawn whole.
const LEAST: u64 = 5_000;

/// One step of a plan.
pub(super) struct Cut {
    pub(super) partitions: Vec<NewPartition>,
    /// The plan's cursor; after the last step, the data that the read-back needs.
    pub(super) progress: Option<String>,
    pub(super) done: bool,
    /// The selection that was listed so far, if the job has an expectation.
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
    // Not for the first range: most people have fewer memories, which are read in a page.
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
                // Few rows match: they are read page by page.
                Err(StoreError::Timeout { .. }) => ends = Ends::Read,
                Err(error) => return Err(error.into()),
            }
        }
    }
    let mut looks = 0;
    while more && n < range && looks < LOOKS {
        // Each page may take the time limit of a call, and all of them longer than a lease.
        lease.keep(env).await?;
        let Some(page) = page(env, mapped, lease, &piece).await? else {
            return Ok(Cut::last(sweep(mapped, lease).into_iter().collect()));
        };
        looks += 1;
        let mut ids: Vec<String> = page.rows.into_iter().map(|(id, _)| id).collect();
        // The job takes no more, whether or not more rows match.
        full = ids.len() >= room - n;
        ids.truncate(room - n);
        more = page.next.is_some() && !full;
        n += ids.len();
        last = ids.into_iter().next_back().or(last);
        if let Some(next) = page.next.filter(|_| more) {
            // The piece was scanned up to its end, though no row there matches.
            last.clone_from(&next.after);
            piece = next;
        }
    }
    let query = lease.job.query.is_some();
    let mut partitions = Vec::new();
    if query && n == 0 {
        if !more && cursor.taken == 0 {
            // A job leaves planning only with a partition, so it gets an empty one.
            partitions.push(part(lease, Work::Ids([].into()), 0));
        }
    } else {
        // The last range of a subject has no end: it includes rows written later beyond the last key. A query
        // takes only rows of its start.
        let through = if more || query { last.clone() } else { None };
        partitions.push(range_of(lease, cursor.after, through, n as u64));
    }
    if !more && !query {
        // One sweep for vectors without a row is enough.
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

/// Returns all ranges beyond the first, which ends at `after`. Returns `None` if the database draws no
/// sample, or few ranges are left.
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
    // With so few matching rows in the sample, the cuts lie close together.
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

/// Makes one of several calls, each within the time limit of a call.
/// Returns `None` after a timeout: the plan then goes another way.
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

/// Returns the next page of rows; `None` if there is no table.
async fn page(env: &Environment, mapped: &Mapped, lease: &Lease, from: &Piece) -> Result<Option<Page>, StoreError> {
    if mapped.sql().await?.is_none() {
        return Ok(None);
    }
    let rows = Rows {
        through: None,
        // A row that changed since the start is in a range too, so that its batch reports it.
        changed: true,
        limit: env.config.worker.batch,
    };
    let page = pages::page(env, mapped, lease, StoreCall::Page, from, rows).await?;
    Ok(Some(page))
}

/// Returns the last key of a full range; `None` if fewer rows are left. The database counts, and transfers
/// no other keys.
async fn far(env: &Environment, mapped: &Mapped, lease: &Lease, after: &str) -> Result<Option<String>, StoreError> {
    let Some(table) = mapped.sql().await? else {
        return Ok(None);
    };
    let conditions = conditions(lease);
    let rows = BATCHES as u64 * u64::from(env.config.worker.batch);
    let far = table.nth(&conditions, Some(after), rows);
    env.call(mapped, StoreKind::Sql, StoreCall::Page, far).await
}

/// Returns the partition that looks for vectors without a row, if the mapping has vectors.
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
