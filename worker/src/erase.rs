//! Erasing partitions, batch by batch:
//! resolve → intent → vectors → rows → vectors read back → record.
//!
//! If the process dies before the intent is committed, nothing happened. If it dies after, the
//! next holder of the lease finds the intent and finishes it by its ids, in all stores, before
//! anything else. The SQL row goes after the vector, since it is the last handle on a memory.

use std::time::Duration;

use lethe_common::doorbell::Ring;
use lethe_common::ledger::{Delta, Go, Lease, Record, RecordEnd, Release, Work};

use crate::batch::{self, Batch};
use crate::cursor::Cursor;
use crate::environment::Environment;
use crate::intent::{Entry, Intent, Vectors};
use crate::mapped::Mapped;
use crate::record::{CORRUPT, LEDGER_REFUSED};
use crate::repeats;
use crate::resolve::resolve;
use crate::retry::{self, Verdict};
use crate::store::{Item, StoreError};
use crate::task::Stop;
use crate::window;

mod again;
mod crowds;
mod dependents;
mod effects;
mod met;
mod points;
mod read_back;
mod recording;

use again::look_again;
use effects::carry_out;
pub(crate) use met::Met;
use recording::record;

/// For how many milliseconds a partition that waits to keep its job's pace is given back at most: the pace may have changed
/// by then.
const LOOK: u64 = 1_000;

/// A lease with the batch that is to be done under it.
struct Share {
    lease: Lease,
    intent: Intent,
    /// Whether this attempt wrote the intent: then the statements' own answers decide what was
    /// erased and what was absent.
    fresh: bool,
}

/// Erases partitions until they end; returns those that are to be read back now, and whether a store was
/// asked for anything.
///
/// Several leases come only with lists of ids that fit into one batch together.
pub(crate) async fn erase(
    env: &Environment,
    mapped: &Mapped,
    mut open: Vec<Lease>,
) -> Result<(Vec<Lease>, bool), Stop> {
    let mut read_back = Vec::new();
    let mut asked = false;
    while !open.is_empty() {
        env.keep(&mut open).await?;
        open = begin(env, open).await?;
        asked |= !open.is_empty();
        let shares = match prepare(env, mapped, &mut open).await? {
            Ok(shares) => shares,
            Err(error) => return Err(Stop::store([open, read_back].concat(), error)),
        };
        let mut shares = intend(env, shares).await?;
        if shares.is_empty() {
            continue;
        }
        let mut leases: Vec<Lease> = shares.iter().map(|share| share.lease.clone()).collect();
        if let Err(error) = look_again(env, mapped, &mut shares, &mut leases).await? {
            return Err(Stop::store([leases, open, read_back].concat(), error));
        }
        let mut taken = vec![None; shares.len()];
        let met = carry_out(env, mapped, &shares, &mut leases, &mut taken).await?;
        for (share, taken) in shares.iter_mut().zip(&mut taken) {
            taken.take().into_iter().for_each(|taken| share.intent.took(taken));
        }
        let met = match met {
            Ok(met) => met,
            Err(error) => {
                dependents::remember(env, &shares).await?;
                return Err(Stop::store([leases, open, read_back].concat(), error));
            }
        };
        let (kept, done): (Vec<_>, Vec<_>) = shares
            .into_iter()
            .zip(met)
            .partition(|(share, met)| retry::worth_another_try(env, &share.intent, met));
        put_back_kept(env, kept).await?;
        record(env, done, &mut open, &mut read_back).await?;
    }
    Ok((read_back, asked))
}

/// Leaves out what must not begin a batch now: what is being cancelled, and what is ahead of its
/// job's pace. No store is asked about either.
async fn begin(env: &Environment, open: Vec<Lease>) -> Result<Vec<Lease>, Stop> {
    let mut going = Vec::with_capacity(open.len());
    for lease in open {
        if Intent::is_lost(&lease) {
            retry::fail(env, &lease, CORRUPT).await?;
        } else if lease.intent.is_some() {
            going.push(lease);
        } else if lease.job.cancelling {
            cancel(env, lease).await?;
        } else if window::is_open(env, &lease).await? {
            let held = std::slice::from_ref(&lease);
            let wait = env.insist(held, || env.ledger.throttled(&lease)).await?;
            match wait {
                None => going.push(lease),
                Some(wait) => wait_for_turn(env, &lease, wait).await?,
            }
        }
    }
    Ok(going)
}

/// What one lease brings to a batch.
struct Begun {
    lease: Lease,
    from: Cursor,
    batch: Batch,
}

/// Reads what comes next for each lease, and resolves all of it together. Leases whose memories did not fit stay in
/// `open`.
async fn prepare(
    env: &Environment,
    mapped: &Mapped,
    open: &mut Vec<Lease>,
) -> Result<Result<Vec<Share>, StoreError>, Stop> {
    let mut shares = Vec::with_capacity(open.len());
    let mut begun = Vec::new();
    let mut items: Vec<Item> = Vec::new();
    let mut listed = false;
    for lease in open.iter() {
        if let Some(intent) = Intent::of(lease) {
            shares.push(Share {
                lease: lease.clone(),
                intent,
                fresh: false,
            });
            continue;
        }
        let from = Cursor::of(lease);
        let batch = match batch::next(env, mapped, lease, from.clone()).await? {
            Ok(batch) => batch,
            Err(error) => return Ok(Err(error)),
        };
        listed |= batch.listed;
        items.extend(batch.items.iter().cloned());
        let lease = lease.clone();
        begun.push(Begun { lease, from, batch });
    }
    let mut entries = Vec::new();
    if !items.is_empty() {
        entries = match resolve(env, mapped, &items, listed, open).await? {
            Ok(entries) => entries,
            Err(error) => return Ok(Err(error)),
        };
    }
    open.clear();
    let table = match mapped.sql().await {
        Ok(table) => table,
        Err(error) => return Ok(Err(error)),
    };
    let mut entries = entries.into_iter();
    for begun in begun {
        let mut found: Vec<Entry> = entries.by_ref().take(begun.batch.items.len()).collect();
        if found.is_empty() && !begun.batch.items.is_empty() {
            open.push(begun.lease);
        } else {
            // Not of the points that were listed: a memory without a row may have many.
            repeats::drop_repeats(&mut found, table.as_deref());
            shares.push(share(begun, found));
        }
    }
    Ok(Ok(shares))
}

/// Returns what a lease does next about the first memories of its batch.
fn share(begun: Begun, mut found: Vec<Entry>) -> Share {
    let Begun { lease, from, batch } = begun;
    if !is_one(&lease) && lease.job.query.is_none() {
        // Not kept for a thousand memories when nobody will ask.
        for entry in &mut found {
            entry.version = None;
        }
    }
    let then = batch.then_after(&lease, &from, found.len());
    let intent = Intent {
        entries: batch.orphans.into_iter().chain(found).collect(),
        then,
        ..Intent::default()
    };
    Share {
        lease,
        intent,
        fresh: true,
    }
}

/// Returns whether a partition is about one memory, of which the job says which version it had.
fn is_one(lease: &Lease) -> bool {
    matches!(&lease.work, Work::Ids(ids) if ids.len() == 1)
}

/// Commits the intents; returns the shares that may go on.
async fn intend(env: &Environment, shares: Vec<Share>) -> Result<Vec<Share>, Stop> {
    let mut going = Vec::with_capacity(shares.len());
    let mut asking = Vec::new();
    for share in shares {
        if share.fresh && share.intent.has_effect() {
            match reserve(env, &share).await? {
                None => asking.push(share),
                Some(wait) => wait_for_turn(env, &share.lease, wait).await?,
            }
        } else {
            going.push(share);
        }
    }
    if asking.is_empty() {
        return Ok(going);
    }
    let answers = {
        let intents: Vec<(&Lease, String)> = asking
            .iter()
            .map(|share| (&share.lease, share.intent.text(&share.lease)))
            .collect();
        let leases: Vec<Lease> = asking.iter().map(|share| share.lease.clone()).collect();
        env.insist(&leases, || env.ledger.intend(&intents)).await?
    };
    for (mut share, answer) in asking.into_iter().zip(answers) {
        match answer {
            Go::Proceed(until) => {
                share.lease.until = until;
                env.leases.renewed(share.lease.fence(), until);
                going.push(share);
            }
            Go::Cancel(_) => cancel(env, share.lease).await?,
            Go::Pause(_) => give_back(env, &share.lease, env.config.worker.poll.as_millis()).await?,
            Go::Lost => env.leases.remove(&share.lease),
            Go::Refused => retry::fail(env, &share.lease, LEDGER_REFUSED).await?,
        }
    }
    Ok(going)
}

/// Reserves a throttled job's time for a batch; returns how many milliseconds to wait instead.
async fn reserve(env: &Environment, share: &Share) -> Result<Option<u64>, Stop> {
    if share.lease.job.per_second.is_none() {
        return Ok(None);
    }
    let n = u64::try_from(share.intent.entries.len()).expect("a length fits 64 bits");
    let lease = std::slice::from_ref(&share.lease);
    let wait = env.insist(lease, || env.ledger.reserve(&share.lease, n)).await?;
    Ok(wait)
}

/// Gives a throttled job's partition back until the next batch may start.
async fn wait_for_turn(env: &Environment, lease: &Lease, wait_ms: u64) -> Result<(), Stop> {
    // Not all that wait at the same moment: one of them starts, and the others would wait again.
    let pace = lease.job.per_second.unwrap_or(f64::INFINITY);
    let spread = Duration::from_secs(2).mul_f64((f64::from(batch::size(&env.config, &lease.job)) / pace).min(0.25));
    let wait = Duration::from_millis(wait_ms.min(LOOK)) + rand::random_range(Duration::ZERO..=spread);
    give_back(env, lease, wait.as_millis()).await?;
    // Whoever sleeps until something else is due has to know of this.
    env.doorbell.ring(Ring::Work);
    Ok(())
}

/// Gives a partition back for later: no slot, no lease, no attempt.
async fn give_back(env: &Environment, lease: &Lease, delay_ms: u128) -> Result<(), Stop> {
    let delay_ms = u64::try_from(delay_ms).unwrap_or(u64::MAX);
    let release = Release {
        fence: lease.fence(),
        delay_ms,
        error: None,
        charged: false,
        alone: false,
    };
    env.insist(std::slice::from_ref(lease), || {
        env.ledger.release(std::slice::from_ref(&release))
    })
    .await?;
    env.leases.remove(lease);
    Ok(())
}

/// Ends a partition of a job that is being cancelled.
async fn cancel(env: &Environment, lease: Lease) -> Result<(), Stop> {
    let record = Record {
        lease: &lease,
        delta: Delta::default(),
        progress: lease.progress.clone(),
        remaining: lease.remaining,
        end: Some(RecordEnd::Cancelled),
    };
    env.record(&[record]).await.map(drop)
}

/// Notes in the intents that vectors were kept, and puts the partitions back.
async fn put_back_kept(env: &Environment, kept: Vec<(Share, Vec<Met>)>) -> Result<(), Stop> {
    for (mut share, met) in kept {
        share.intent.kept += 1;
        for (entry, met) in share
            .intent
            .entries
            .iter_mut()
            .zip(met)
            .filter(|(_, met)| met.is_kept())
        {
            // A point written since the batch began goes too: its memory's row was the job's.
            entry.points.extend(met.kept);
            entry.points.sort_unstable();
            entry.points.dedup();
            if entry.row {
                entry.vectors = Vectors::OfRow;
            }
        }
        let lease = std::slice::from_ref(&share.lease);
        let intents = [(&share.lease, share.intent.text(&share.lease))];
        let answers = env.insist(lease, || env.ledger.intend(&intents)).await?;
        match answers.first() {
            Some(Go::Refused) => retry::fail(env, &share.lease, LEDGER_REFUSED).await?,
            Some(Go::Lost) | None => env.leases.remove(&share.lease),
            Some(Go::Proceed(_) | Go::Cancel(_) | Go::Pause(_)) => {
                retry::put_back(env, &share.lease, &StoreError::Kept, Verdict::Fine).await?;
            }
        }
    }
    Ok(())
}
