//! What became of a batch, as the ledger is told.

use lethe_common::error_code::ErrorCode;
use lethe_common::job::{Outcome, StoreKind};
use lethe_common::ledger::{After, Delta, ItemOutcome, Lease, Record, RecordEnd, WarningCode, Work};

use super::{Met, Share, is_one};
use crate::cursor::{Cursor, Refused};
use crate::environment::Environment;
use crate::retry;
use crate::task::Stop;

/// Records what was done, and sorts out what follows.
pub(super) async fn record(
    env: &Environment,
    done: Vec<(Share, Vec<Met>)>,
    open: &mut Vec<Lease>,
    read_back: &mut Vec<Lease>,
) -> Result<(), Stop> {
    if done.is_empty() {
        return Ok(());
    }
    let records: Vec<Record<'_>> = done.iter().map(|(share, met)| record_of(share, met)).collect();
    for record in &records {
        if let Some(RecordEnd::Failed(code)) = record.end {
            retry::note_failure(record.lease, code);
        }
    }
    let leases: Vec<Lease> = done.iter().map(|(share, _)| share.lease.clone()).collect();
    let after = env.record(&records).await?;
    let nexts: Vec<(Option<String>, u64)> = records
        .into_iter()
        .map(|record| (record.progress, record.remaining))
        .collect();
    for ((mut lease, after), (progress, remaining)) in leases.into_iter().zip(after).zip(nexts) {
        match after {
            After::Continue {
                until,
                cancelling,
                per_second,
            } => {
                lease.goes_on(until, cancelling, per_second);
                (lease.progress, lease.remaining) = (progress, remaining);
                env.leases.moved_on(&lease);
                open.push(lease);
            }
            After::ReadBack(lease) => {
                env.leases.moved_on(&lease);
                read_back.push(*lease);
            }
            After::Ended { .. } | After::JobEnded { .. } | After::Lost | After::Refused => {}
        }
    }
    Ok(())
}

/// Returns what the database has made of the partition's rows so far, and why it is given up, if it is.
fn refused(share: &Share, met: &[Met]) -> (Refused, Option<ErrorCode>) {
    let before = Cursor::of(&share.lease).refused;
    let mut codes = met.iter().filter_map(|met| met.refused);
    let first = codes.next();
    let refused = usize::from(first.is_some()) + codes.count();
    let deleted = met.iter().filter(|met| met.is_erased(StoreKind::Sql)).count();
    let now = before.and(refused, deleted);
    (now, first.filter(|_| now.is_hopeless()))
}

fn record_of<'a>(share: &'a Share, met: &[Met]) -> Record<'a> {
    let mut delta = Delta::default();
    for (entry, met) in share.intent.entries.iter().zip(met) {
        for (store, outcome, code) in met.iter() {
            if !share.lease.stores.contains(&store) {
                continue;
            }
            delta.count(store, outcome, 1);
            if (store, outcome) == (StoreKind::Sql, Outcome::Erased) && is_one(&share.lease) {
                delta.version_erased = entry.version;
            }
            // A listed point is its own: others may carry the same id, or it may by now.
            let point = matches!(share.lease.work, Work::Listed(_)).then(|| entry.points.first());
            let id = point.flatten().map(|point| point.text()).or_else(|| entry.id.clone());
            if outcome != Outcome::Erased
                && let Some(id) = id
            {
                delta.items.push(ItemOutcome {
                    id,
                    store,
                    outcome: Some(outcome),
                    code,
                });
            }
        }
    }
    if let Some(taken) = &share.intent.taken {
        delta.dependents.clone_from(&taken.tables);
        delta.warning = taken.more.then_some(WarningCode::DependentsUncounted);
    }
    let n = u64::try_from(met.len()).expect("a length fits 64 bits");
    let known = n.min(share.lease.remaining);
    let rest = share.lease.remaining - known;
    let signed = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
    // More than was known of were found, or fewer.
    delta.selected = signed(n - known);
    let done = share.intent.then.is_none();
    if done {
        delta.selected -= signed(rest);
    }
    let (refused, hopeless) = refused(share, met);
    let end = match hopeless {
        Some(code) => Some(RecordEnd::Failed(code)),
        None => done.then_some(RecordEnd::Done),
    };
    Record {
        lease: &share.lease,
        delta,
        progress: match &share.intent.then {
            Some(then) => Some(then.clone().with_refused(refused).text()),
            None => Cursor::of(&share.lease).kept(),
        },
        remaining: if done { 0 } else { rest },
        end,
    }
}
