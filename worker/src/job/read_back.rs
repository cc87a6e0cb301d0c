//! Reading back: every store is asked again for the erased selection.
//!
//! Only an empty answer is success. Residue goes into another round of erasing, which begins after the
//! whole job was read back. Reading back changes no store.

use lethe_common::job::{Outcome, StoreKind};
use lethe_common::ledger::{Delta, Fence, ItemOutcome, Lease, RecordEnd, Work};

use lethe_common::metrics::StoreCall;

use crate::job::batch;
use crate::job::conditions::conditions;
use crate::job::cursor::{Cursor, listed};
use crate::job::intent::{Entry, Seen, Vectors};
use crate::job::resolve::resolve;
use crate::lease::{Environment, LeaseGuard, Step, Stop, record};
use crate::store::sql::RowMatch as Row;
use crate::store::vector::{Point, PointId};
use crate::store::{Conditions, Item, StoreError};
use crate::targets::Mapped;

mod listed;
mod recorded;
mod rows;

/// The result of reading one partition back.
#[derive(Default)]
struct Remaining {
    delta: Delta,
    /// The number of memories that are still in any store.
    residue: u64,
    /// Their ids, if the partition lists ids or points.
    ids: Vec<String>,
    /// The ids of listed memories with a point whose owner is unknown.
    unverifiable: Vec<String>,
}

pub(crate) async fn read_back(env: &Environment, mapped: &Mapped, mut leases: Vec<LeaseGuard>) -> Result<(), Stop> {
    env.keep_those_left(&mut leases).await?;
    // A job that is being cancelled is not read back: its store may be down, and the result has no effect.
    let (stopped, mut leases): (Vec<LeaseGuard>, Vec<LeaseGuard>) =
        leases.into_iter().partition(|lease| lease.job.cancelling);
    if !stopped.is_empty() {
        let nothing = stopped.iter().map(|_| Remaining::default()).collect();
        tell(env, stopped, nothing).await?;
    }
    if leases.is_empty() {
        return Ok(());
    }
    let found = look(env, mapped, &mut leases).await?;
    tell(env, leases, found).await
}

/// Records the result of each lease.
async fn tell(env: &Environment, leases: Vec<LeaseGuard>, found: Vec<Remaining>) -> Result<(), Stop> {
    let steps = leases.into_iter().zip(found).map(|(lease, found)| {
        let step = step_of(&lease, found);
        (lease, step)
    });
    record(env, steps.collect()).await.map(drop)
}

async fn look(env: &Environment, mapped: &Mapped, leases: &mut [LeaseGuard]) -> Result<Vec<Remaining>, Stop> {
    if let [lease] = leases {
        match lease.work {
            Work::Subject => return Ok(vec![subject(env, mapped, lease).await?]),
            Work::Query => return Ok(vec![query(env, mapped, lease).await?]),
            Work::Listed(_) => return Ok(vec![listed::read_back(env, mapped, lease).await?]),
            Work::Ids(_) | Work::Range { .. } | Work::Points => {}
        }
    }
    ids(env, mapped, leases).await
}

/// Returns, for each list of ids, whether no store has a memory or a vector of an unknown owner left.
pub(crate) async fn is_gone(env: &Environment, mapped: &Mapped, leases: &[&LeaseGuard]) -> Result<Vec<bool>, Stop> {
    let found = find(env, mapped, leases).await?;
    let is_gone = |found: &Remaining| found.residue == 0 && found.unverifiable.is_empty();
    Ok(found.iter().map(is_gone).collect())
}

/// Reads lists of ids back, all lists together.
async fn ids(env: &Environment, mapped: &Mapped, leases: &[LeaseGuard]) -> Result<Vec<Remaining>, Stop> {
    let leases: Vec<&LeaseGuard> = leases.iter().collect();
    let mut found = find(env, mapped, &leases).await?;
    for (lease, found) in leases.into_iter().zip(&mut found) {
        unverifiable(env, lease, found).await?;
    }
    Ok(found)
}

/// Finds the remaining memories of lists of ids.
async fn find(env: &Environment, mapped: &Mapped, leases: &[&LeaseGuard]) -> Result<Vec<Remaining>, Stop> {
    let items: Vec<(usize, Item)> = leases
        .iter()
        .enumerate()
        .flat_map(|(n, lease)| {
            let conditions = conditions(lease);
            listed(lease).iter().map(move |id| (n, Item::new(id, &conditions)))
        })
        .collect();
    let mut found: Vec<Remaining> = leases.iter().map(|_| Remaining::default()).collect();
    let mut left: Vec<Vec<Entry>> = leases.iter().map(|_| Vec::new()).collect();
    let fences: Vec<Fence> = leases.iter().map(|lease| lease.fence()).collect();
    for chunk in items.chunks(env.config.worker.batch as usize) {
        env.keep(&fences).await?;
        let batch: Vec<Item> = chunk.iter().map(|(_, item)| item.clone()).collect();
        let mut done = 0;
        while done < batch.len() {
            let entries = resolve(env, mapped, &batch[done..], false, &fences).await?;
            let places = chunk[done..].iter().map(|(n, _)| *n);
            done += entries.len();
            for (n, entry) in places.zip(entries).filter(|(_, entry)| is_left(entry)) {
                left[n].push(Entry {
                    points: Vec::new(),
                    seen: Seen::default(),
                    ..entry
                });
            }
        }
    }
    for ((lease, found), left) in leases.iter().zip(&mut found).zip(left) {
        for entry in recorded::less_held(env, mapped, lease, left).await? {
            found.add(&entry);
        }
    }
    Ok(found)
}

/// Returns whether anything of a memory is there.
fn is_left(entry: &Entry) -> bool {
    entry.row || entry.vectors.go() || matches!(entry.vectors, Vectors::Disagree | Vectors::Unverifiable)
}

/// Counts the memories with a point whose owner is unknown, unless their erasure reported that. They are counted once,
/// when nothing else is left.
async fn unverifiable(env: &Environment, lease: &LeaseGuard, found: &mut Remaining) -> Result<(), Stop> {
    if found.residue > 0 || found.unverifiable.is_empty() {
        return Ok(());
    }
    let (outcome, store) = (Outcome::Unverifiable, StoreKind::Vector);
    let ids = std::mem::take(&mut found.unverifiable);
    let said = lease
        .ask(env, || env.ledger.recorded(lease, outcome, store, &ids))
        .await?;
    let new: Vec<String> = ids.into_iter().filter(|id| !said.contains(id)).collect();
    found.count_unverifiable(lease, u64::try_from(new.len()).expect("a length fits 64 bits"));
    found.delta.items.extend(new.into_iter().map(|id| ItemOutcome {
        id,
        store,
        outcome: Some(outcome),
        code: None,
    }));
    Ok(())
}

/// Counts all memories of a subject in one table and its collection.
async fn subject(env: &Environment, mapped: &Mapped, lease: &mut LeaseGuard) -> Result<Remaining, Stop> {
    // The plan decided and reported the skip. A check now may differ: a column may seem to hold no such value after
    // all rows with such values were deleted.
    if Cursor::of(lease).skipped {
        return Ok(Remaining::default());
    }
    let conditions = conditions(lease);
    let mut found = Remaining::default();
    let (mut page, mut unverifiable) = (Some(None), 0);
    let rows = rows::count(env, mapped, lease).await?;
    let rows = recorded::less(env, mapped, lease, rows, Outcome::Held).await?;
    found.still(StoreKind::Sql, rows);
    found.residue += rows;
    while let Some(offset) = page {
        // The number of points that cannot be erased has no bound.
        lease.keep(env).await?;
        let points = points(env, mapped, lease, &conditions, offset).await?;
        found.still(StoreKind::Vector, points.orphans);
        found.residue += points.orphans;
        unverifiable += points.unverifiable;
        page = points.next.map(Some);
    }
    if found.residue == 0 && unverifiable > 0 {
        // Counted once, in the round that finds nothing else.
        found.count_unverifiable(lease, unverifiable);
    }
    Ok(found)
}

/// Counts the snapshot's rows that a query still matches, less the memories that are held, or changed after they were
/// listed. Without a snapshot it counts nothing: each batch was verified by itself, and rows that match now
/// may be new. Points that a plan listed are read back list by list.
async fn query(env: &Environment, mapped: &Mapped, lease: &mut LeaseGuard) -> Result<Remaining, Stop> {
    let mut found = Remaining::default();
    // Earlier attempts may have used up `max_memories`: the rest stays.
    if lease.snapshot.is_none() || lease.job.max_memories == Some(0) {
        return Ok(found);
    }
    let mut left = match Cursor::of(lease).through {
        None => rows::count(env, mapped, lease).await?,
        Some(through) => rows::count_through(env, mapped, lease, &through).await?,
    };
    for outcome in [Outcome::Conflicted, Outcome::Held] {
        left = recorded::less(env, mapped, lease, left, outcome).await?;
    }
    found.still(StoreKind::Sql, left);
    found.residue = left;
    Ok(found)
}

/// The points of a subject on one page.
#[derive(Default)]
struct Points {
    /// The number of points without a row.
    orphans: u64,
    /// The number of points whose owner is unknown.
    unverifiable: u64,
    /// The offset of the next page.
    next: Option<PointId>,
}

/// Reads a page of a subject's points.
async fn points(
    env: &Environment,
    mapped: &Mapped,
    lease: &LeaseGuard,
    conditions: &Conditions,
    offset: Option<PointId>,
) -> Result<Points, Stop> {
    let Some(collection) = mapped.vector().await? else {
        return Ok(Points::default());
    };
    let page = collection.page(conditions, offset, env.config.worker.batch);
    let (page, next) = env.call(mapped, StoreKind::Vector, StoreCall::ReadBack, page).await?;
    let (others, unverifiable) = without_own_rows(env, mapped, conditions, page).await?;
    let mut points = Points {
        orphans: 0,
        unverifiable,
        next,
    };
    let orphans = batch::orphans(env, mapped, conditions, others).await?;
    for entry in recorded::less_held(env, mapped, lease, orphans).await? {
        match entry.vectors {
            Vectors::Alone => points.orphans += 1,
            Vectors::None => {}
            _ => points.unverifiable += 1,
        }
    }
    Ok(points)
}

/// Drops points with a row in this table. Points of the subject's rows were counted with the rows.
/// The other dropped points name the subject, but their row has another owner. Returns their number,
/// since their owner is unknown.
async fn without_own_rows(
    env: &Environment,
    mapped: &Mapped,
    conditions: &Conditions,
    page: Vec<(Point, Option<String>)>,
) -> Result<(Vec<(Point, Option<String>)>, u64), StoreError> {
    let Some(table) = mapped.sql().await? else {
        return Ok((page, 0));
    };
    let items: Vec<Item> = page
        .iter()
        .filter_map(|(_, id)| id.clone())
        .map(|id| Item::new(id, conditions))
        .collect();
    let rows = env
        .call(mapped, StoreKind::Sql, StoreCall::ReadBack, table.find(&items))
        .await?;
    let mut rows = rows.into_iter();
    let mut strangers = 0;
    let others = page
        .into_iter()
        .filter(|(_, id)| {
            let row = id.as_ref().and_then(|_| rows.next());
            strangers += u64::from(matches!(row, Some(Row::Other | Row::Outside)));
            matches!(row, None | Some(Row::Absent))
        })
        .collect();
    Ok((others, strangers))
}

impl Remaining {
    fn add(&mut self, entry: &Entry) {
        let vectors = entry.vectors.go();
        // `Disagree` implies a row of the job, which did not exist when the batch looked for it.
        let row = entry.row || entry.vectors == Vectors::Disagree;
        for (store, there) in [(StoreKind::Sql, row), (StoreKind::Vector, vectors)] {
            if let Some(id) = entry.id.as_ref().filter(|_| there) {
                self.still(store, 1);
                self.delta.items.push(ItemOutcome {
                    id: id.clone(),
                    store,
                    outcome: None,
                    code: None,
                });
            }
        }
        if row || vectors {
            self.residue += 1;
            self.ids.extend(entry.id.clone());
        } else if entry.vectors == Vectors::Unverifiable {
            self.unverifiable.extend(entry.id.clone());
        }
    }

    fn count_unverifiable(&mut self, lease: &Lease, n: u64) {
        if n > 0 {
            self.delta.count(StoreKind::Vector, Outcome::Unverifiable, n);
            if lease.stores.contains(&StoreKind::Sql) {
                self.delta.count(StoreKind::Sql, Outcome::Absent, n);
            }
            self.delta.selected += i64::try_from(n).unwrap_or(i64::MAX);
        }
    }

    fn still(&mut self, store: StoreKind, n: u64) {
        if n > 0 {
            *self.delta.residue.entry(store).or_insert(0) += n;
        }
    }
}

fn step_of(lease: &Lease, found: Remaining) -> Step {
    let end = if lease.job.cancelling {
        RecordEnd::Cancelled
    } else if found.residue > 0 {
        let progress = match lease.work {
            Work::Ids(_) | Work::Listed(_) => Some(Cursor::only(found.ids).text()),
            _ => Cursor::of(lease).kept(),
        };
        RecordEnd::Residue {
            n: found.residue,
            progress,
        }
    } else {
        RecordEnd::Done
    };
    Step {
        delta: found.delta,
        progress: Cursor::of(lease).kept(),
        remaining: 0,
        end: Some(end),
    }
}
