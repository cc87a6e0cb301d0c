//! Planning: cutting a subject's or a query's rows in one table into key ranges, streaming.
//!
//! One pass over the keys, a page at a time; each range is committed with the cursor that follows
//! it, so a worker that dies here repeats at most one range. Nothing it cuts can be claimed before
//! all plans of the job are complete.

use lethe_common::job::StoreKind;
use lethe_common::ledger::{After, Delta, Kind, Lease, NewPartition, Record, RecordEnd, Snapshot, Work};

use lethe_common::metrics::StoreCall;
use lethe_common::selection::Selection;

use crate::batch;
use crate::cursor::Cursor;
use crate::environment::Environment;
use crate::look::look;
use crate::mapped::Mapped;
use crate::store::StoreError;
use crate::task::Stop;

/// How many batches make a range.
// Long enough that claiming costs little, short enough that many workers share a large subject.
const BATCHES: usize = 10;

pub(crate) async fn plan(env: &Environment, mapped: &Mapped, mut leases: Vec<Lease>) -> Result<(), Stop> {
    // Plans never share a task.
    while let Some(lease) = leases.first() {
        if lease.job.cancelling {
            let end = Some(RecordEnd::Cancelled);
            let record = Record {
                lease,
                delta: Delta::default(),
                progress: None,
                remaining: 0,
                end,
            };
            return finish(env, &leases, &record).await;
        }
        let found = match expected(env, mapped, &mut leases).await? {
            Ok(found) => found,
            Err(error) => return Err(Stop::store(leases, error)),
        };
        env.keep(&mut leases).await?;
        let snapshot = match snapshot(env, mapped, &mut leases[0]).await {
            Ok(snapshot) => snapshot,
            Err(error) => return Err(Stop::store(leases, error)),
        };
        env.keep(&mut leases).await?;
        let Cut {
            partitions,
            progress,
            done,
        } = match cut(env, mapped, &mut leases).await? {
            Ok(cut) => cut,
            Err(error) => return Err(Stop::store(leases, error)),
        };
        let lease = &leases[0];
        let selected = partitions.iter().map(|partition| partition.remaining).sum::<u64>();
        let record = Record {
            lease,
            delta: Delta {
                selected: i64::try_from(selected).unwrap_or(i64::MAX),
                planned: partitions,
                found,
                snapshot,
                ..Delta::default()
            },
            progress,
            remaining: 0,
            end: done.then_some(RecordEnd::Done),
        };
        let after = env
            .insist(&leases, || env.ledger.record(std::slice::from_ref(&record)))
            .await
            .ok_or(Stop::Lost)?;
        env.observe(lease, &after);
        let Some(After::Continue {
            until,
            cancelling,
            per_second,
        }) = after.first()
        else {
            return Ok(());
        };
        let progress = record.progress;
        let lease = &mut leases[0];
        lease.goes_on(*until, *cancelling, *per_second);
        lease.progress = progress;
        env.leases.moved_on(lease);
    }
    Ok(())
}

async fn finish(env: &Environment, leases: &[Lease], record: &Record<'_>) -> Result<(), Stop> {
    let after = env
        .insist(leases, || env.ledger.record(std::slice::from_ref(record)))
        .await
        .ok_or(Stop::Lost)?;
    env.observe(record.lease, &after);
    Ok(())
}

/// Looks at what is selected, if the job says what that has to be, before the first of it is cut.
async fn expected(
    env: &Environment,
    mapped: &Mapped,
    leases: &mut Vec<Lease>,
) -> Result<Result<Option<Selection>, StoreError>, Stop> {
    let lease = &leases[0];
    if !lease.job.expects || lease.progress.is_some() {
        return Ok(Ok(None));
    }
    let look = look(env, mapped, leases).await?;
    Ok(look.map(|look| Some(look.found)))
}

/// Returns how a query tells what is there at its start, and takes it over into the lease, before
/// anything is cut. It is kept with the first of what is cut: until then nothing has happened, and
/// whoever begins anew may take a later one.
async fn snapshot(env: &Environment, mapped: &Mapped, lease: &mut Lease) -> Result<Option<Snapshot>, StoreError> {
    if lease.job.query.is_none() || lease.snapshot.is_some() {
        return Ok(None);
    }
    let Some(table) = mapped.sql().await? else {
        return Err(StoreError::Misuse("only rows can be asked for by a query"));
    };
    let conditions = batch::conditions(lease);
    let written = table.written(&conditions);
    let written = env.call(mapped, StoreKind::Sql, StoreCall::Count, written).await?;
    Ok(Some(match written {
        None => Snapshot::Batch,
        Some(written) => {
            let text = serde_json::to_string(&written).expect("a text is always JSON");
            lease.snapshot = Some(text.clone());
            Snapshot::CreatedAt(text)
        }
    }))
}

/// What a plan cuts at a time.
struct Cut {
    partitions: Vec<NewPartition>,
    /// How far the plan is; once it is done, what reading back has to know.
    progress: Option<String>,
    done: bool,
}

impl Cut {
    fn last(partitions: Vec<NewPartition>) -> Self {
        Self {
            partitions,
            progress: None,
            done: true,
        }
    }
}

/// Returns the next partitions.
async fn cut(env: &Environment, mapped: &Mapped, leases: &mut Vec<Lease>) -> Result<Result<Cut, StoreError>, Stop> {
    let cursor = Cursor::of(&leases[0]);
    let mut last = cursor.after.clone();
    let mut n = 0;
    let mut more = true;
    let most = leases[0].job.most.unwrap_or(u64::MAX);
    let room = usize::try_from(most.saturating_sub(cursor.taken)).unwrap_or(usize::MAX);
    let mut full = false;
    let range = BATCHES * env.config.worker.batch as usize;
    // Not for the first one: most people's memories are fewer, and are read in a page.
    if room > range && cursor.after.is_some() {
        env.keep(leases).await?;
        match far(env, mapped, &leases[0], last.as_deref()).await {
            Ok(None) => {}
            Ok(found) => (last, n) = (found, range),
            Err(error) => return Ok(Err(error)),
        }
    }
    while more && n < range {
        // A page may take as long as a call may: all of them together longer than a lease.
        env.keep(leases).await?;
        let mut ids = match page(env, mapped, &leases[0], last.as_deref()).await {
            Ok(Some(ids)) => ids,
            Ok(None) => return Ok(Ok(Cut::last(sweep(mapped, &leases[0]).into_iter().collect()))),
            Err(error) => return Ok(Err(error)),
        };
        more = ids.len() == env.config.worker.batch as usize;
        // That is all that the job takes, whether or not there is more.
        full = ids.len() >= room - n;
        ids.truncate(room - n);
        more &= !full;
        n += ids.len();
        last = ids.into_iter().next_back().or(last);
    }
    let lease = &leases[0];
    let query = lease.job.query.is_some();
    if query && n == 0 {
        // A job goes on from a plan with something to do, if only with nothing.
        let nothing = cursor.after.is_none().then(|| part(lease, Work::Ids(Vec::new()), 0));
        return Ok(Ok(Cut::last(nothing.into_iter().collect())));
    }
    // The last range of a subject has no end: what is written meanwhile beyond the last key is in it
    // too. A query is about what was there.
    let through = if more || query { last.clone() } else { None };
    let range = Work::Range {
        after: cursor.after,
        through,
    };
    let mut partitions = vec![part(lease, range, u64::try_from(n).expect("a length fits 64 bits"))];
    if !more && !query {
        // The sweep for vectors without a row comes once.
        partitions.extend(sweep(mapped, lease));
    }
    let then = Cursor {
        through: last.clone().filter(|_| full),
        taken: lease.job.most.map_or(0, |_| cursor.taken + n as u64),
        after: last,
        ..Cursor::default()
    };
    Ok(Ok(Cut {
        partitions,
        progress: if more { Some(then.text()) } else { then.kept() },
        done: !more,
    }))
}

/// Returns the key of the last row of a whole range, if there are that many: the database counts, and
/// no keys travel.
async fn far(
    env: &Environment,
    mapped: &Mapped,
    lease: &Lease,
    after: Option<&str>,
) -> Result<Option<String>, StoreError> {
    let Some(table) = mapped.sql().await? else {
        return Ok(None);
    };
    let conditions = batch::conditions(lease);
    let rows = BATCHES as u64 * u64::from(env.config.worker.batch);
    let far = table.nth(&conditions, after, rows);
    match env.call(mapped, StoreKind::Sql, StoreCall::Page, far).await {
        // Few rows match: it is gone page by page.
        Err(StoreError::Timeout { .. }) => Ok(None),
        found => found,
    }
}

/// Returns the next ids of the subject's rows, or nothing at all if there is no table.
async fn page(
    env: &Environment,
    mapped: &Mapped,
    lease: &Lease,
    after: Option<&str>,
) -> Result<Option<Vec<String>>, StoreError> {
    let Some(table) = mapped.sql().await? else {
        return Ok(None);
    };
    let conditions = batch::conditions(lease);
    let ids = table.page(&conditions, after, None, env.config.worker.batch);
    env.call(mapped, StoreKind::Sql, StoreCall::Page, ids).await.map(Some)
}

/// Returns the partition that looks for vectors without a row, if there are vectors.
fn sweep(mapped: &Mapped, lease: &Lease) -> Option<NewPartition> {
    mapped.table.collection.as_ref().map(|_| part(lease, Work::Points, 0))
}

fn part(lease: &Lease, work: Work, remaining: u64) -> NewPartition {
    NewPartition {
        kind: Kind::Erase,
        route: lease.route.clone(),
        stores: lease.stores.clone(),
        work,
        alias: lease.alias,
        remaining,
    }
}
