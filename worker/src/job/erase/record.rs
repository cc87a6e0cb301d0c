//! Recording the outcomes of a batch in the ledger.

use lethe_common::error_code::ErrorCode;
use lethe_common::job::{Outcome, StoreKind};
use lethe_common::ledger::{Delta, Fence, HoldCount, ItemOutcome, RecordEnd, WarningCode, Work};

use super::batch_part::{BatchPart, is_one};
use super::confirm::confirm;
use super::kept;
use super::memory_outcome::MemoryOutcome;
use crate::holds::Keeper;
use crate::job::cursor::{Cursor, Refused};
use crate::lease::{self, Environment, Next, Step, Stop};
use crate::targets::Mapped;

/// Records outcomes, and returns the next steps. Partitions with kept vectors are released for a retry instead.
pub(super) async fn record(
    env: &Environment,
    mapped: &Mapped,
    parts: Vec<BatchPart>,
    met: Vec<Vec<MemoryOutcome>>,
) -> Result<Vec<Next>, Stop> {
    let (kept, done): (Vec<_>, Vec<_>) = parts
        .into_iter()
        .zip(met)
        .partition(|(part, met)| kept::is_worth_another_try(env, &part.intent, met));
    let mut next = Vec::new();
    if !done.is_empty() {
        let gone = confirm(env, mapped, &done).await;
        let steps = done.into_iter().map(|(part, met)| {
            let step = step_of(&part, &met, gone.contains(&part.lease.job.id));
            (part.lease, step)
        });
        next = lease::record(env, steps.collect()).await?;
    }
    // Last: it may fail, and only this task knows the outcomes of the others. Another attempt at their intents would
    // count rows as erased that this one found absent.
    let fences: Vec<Fence> = kept.iter().map(|(part, _)| part.lease.fence()).collect();
    if let Err(stop) = kept::put_back(env, kept).await {
        // The others are recorded, and go on.
        lease::put_back::after_stop(env, &fences, stop).await;
        for fence in fences {
            env.leases.remove(fence);
        }
    }
    Ok(next)
}

/// Returns the refused rows of the partition so far, and the error if the partition is given up.
fn refused(part: &BatchPart, met: &[MemoryOutcome]) -> (Refused, Option<ErrorCode>) {
    let before = Cursor::of(&part.lease).refused;
    let mut codes = met.iter().filter_map(|met| met.refused);
    let first = codes.next();
    let refused = usize::from(first.is_some()) + codes.count();
    let deleted = met.iter().filter(|met| met.is_erased(StoreKind::Sql)).count();
    let now = before.and(refused, deleted);
    (now, first.filter(|_| now.is_hopeless()))
}

/// Returns the number of memories that each hold keeps.
fn holds(part: &BatchPart, met: &[MemoryOutcome]) -> Vec<HoldCount> {
    let mut counts: Vec<(&Keeper, u64)> = Vec::new();
    for met in met {
        let mut outcomes = met.iter().filter(|(store, _, _)| part.lease.stores.contains(store));
        let is_held = outcomes.any(|(_, outcome, _)| outcome == Outcome::Held);
        let Some(keeper) = met.held.as_ref().filter(|_| is_held) else {
            continue;
        };
        match counts.iter_mut().find(|(known, _)| *known == keeper) {
            Some((_, n)) => *n += 1,
            None => counts.push((keeper, 1)),
        }
    }
    counts.into_iter().map(|(keeper, n)| keeper.count(n)).collect()
}

fn step_of(part: &BatchPart, met: &[MemoryOutcome], is_gone: bool) -> Step {
    let mut delta = Delta::default();
    for (entry, met) in part.intent.entries.iter().zip(met) {
        for (store, outcome, code) in met.iter() {
            if !part.lease.stores.contains(&store) {
                continue;
            }
            delta.count(store, outcome, 1);
            if (store, outcome) == (StoreKind::Sql, Outcome::Erased) && is_one(&part.lease) {
                delta.version_erased = entry.version;
            }
            // A listed point counts by its own id: other points may name the same memory, now or later.
            let point = matches!(part.lease.work, Work::Listed(_)).then(|| entry.points.first());
            let id = point.flatten().map(|point| point.text()).or_else(|| entry.id.clone());
            if outcome.is_listed()
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
    delta.holds = holds(part, met);
    if let Some(taken) = &part.intent.taken {
        delta.dependents.clone_from(&taken.tables);
        delta.warning = taken.more.then_some(WarningCode::DependentsUncounted);
    }
    let n = u64::try_from(met.len()).expect("a length fits 64 bits");
    let known = n.min(part.lease.remaining);
    let rest = part.lease.remaining - known;
    let signed = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
    // The batch found more memories than were known of, or fewer.
    delta.selected = signed(n - known);
    let done = part.intent.then.is_none();
    if done {
        delta.selected -= signed(rest);
    }
    let (refused, hopeless) = refused(part, met);
    let end = match hopeless {
        Some(code) => Some(RecordEnd::Failed(code)),
        None if is_gone => Some(RecordEnd::Gone),
        None => done.then_some(RecordEnd::Done),
    };
    Step {
        delta,
        progress: match &part.intent.then {
            Some(then) => Some(then.clone().with_refused(refused).text()),
            None => Cursor::of(&part.lease).kept(),
        },
        remaining: if done { 0 } else { rest },
        end,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use lethe_common::ledger::Lease;
    use sqlx::Executor as _;

    use super::super::memory_outcome::{Row, outcomes};
    use super::super::read_back::ReadBack;
    use super::super::stopped::Stopped;
    use super::*;
    use crate::fixture;
    use crate::job::intent::{Entry, Intent, Vectors};
    use crate::store::vector::PointId;
    use crate::targets::Mappings;

    /// Returns the first batch of a partition that goes on after it.
    fn part(env: &Environment, lease: Lease) -> BatchPart {
        let entry = Entry {
            id: Some("1".to_owned()),
            row: true,
            points: vec![PointId::Num(1)],
            vectors: Vectors::OfRow,
            ..Entry::default()
        };
        let intent = Intent {
            entries: vec![entry],
            then: Some(Cursor::default()),
            ..Intent::default()
        };
        BatchPart::begun(env.leases.add(lease), intent)
    }

    #[tokio::test]
    async fn recorded_partitions_go_on_though_another_one_cannot_be_put_back() {
        let (directory, env) = fixture::worker().await;
        let mappings = Mappings::new(&fixture::one_table(), Duration::from_secs(1)).unwrap();
        let mapped = mappings.all().next().unwrap();
        let leases = fixture::claimed(&env, 2).await;
        let parts: Vec<BatchPart> = leases.into_iter().map(|lease| part(&env, lease)).collect();
        let [recorded, kept] = [0, 1].map(|n: usize| parts[n].lease.job.id);
        let read_back = vec![ReadBack::Gone, ReadBack::Kept(vec![PointId::Num(1)])];
        let met = outcomes(&parts, vec![Row::Deleted; 2], read_back, &Stopped::new());
        // Of the statements of a record, only that of the next intent reads this table.
        let pool = sqlx::AnyPool::connect(&fixture::ledger_url(&directory)).await.unwrap();
        pool.execute("ALTER TABLE pauses RENAME TO elsewhere").await.unwrap();

        let next = record(&env, mapped, parts, met).await.unwrap();

        assert!(
            matches!(&next[..], [Next::GoesOn(lease)] if lease.job.id == recorded),
            "{next:?}"
        );
        assert_eq!(env.leases.count(), 1, "the other one was released");
        pool.execute("ALTER TABLE elsewhere RENAME TO pauses").await.unwrap();
        let kept = env.ledger.job(kept).await.unwrap().unwrap();
        assert_eq!(kept.error_code.as_deref(), Some("ledger_refused"));
    }
}
