//! The claim loop: asks the ledger for due partitions whenever there is a free slot and a reason.
//!
//! A reason is a ring (a doorbell notification), a task that ended, or the poll. Slots are permits. A claim fills the
//! free slots only, so no lease runs while it waits. If the process dies here, leases that were claimed and not yet
//! started expire.

use std::sync::Arc;
use std::time::Duration;

use lethe_common::metrics;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio_util::sync::CancellationToken;

use super::claimer::{ClaimOutcome, Claimer};
use super::task::{self, Group};
use crate::health::{Health, TURN};
use crate::lease::Environment;

/// How long a worker that got nothing at the last ring lets another worker go first.
// A ring wakes all idle workers. If all of them claim at once, one gets the work, and the others spend a transaction each.
// If two of them get parts of it, the groups are half as large. With two workers and one waiting caller, this saves a
// quarter of the ledger's processor time.
const YIELD: Duration = Duration::from_millis(15);

/// Claims until `stop`, and sends groups to the tasks.
pub(crate) async fn run(
    env: Arc<Environment>,
    slots: Arc<Semaphore>,
    groups: mpsc::Sender<Group>,
    stop: CancellationToken,
) {
    let mut doorbell = env.doorbell.subscribe();
    let mut claimer = Claimer::new(&env, &slots, &groups);
    let mut rung = true;
    // Whether a ring woke the loop, and whether this worker got work at the last ring.
    let (mut is_ring, mut got_work) = (false, true);
    loop {
        if is_ring && !got_work && env.doorbell.is_shared() {
            tokio::time::sleep(YIELD).await;
        }
        let Some(permit) = free_slot(&slots, &env.health, &stop, TURN).await else {
            return;
        };
        env.health.turned();
        claimer.next_round().await;
        // This claim answers all rings so far.
        doorbell.skip();
        let found = claimer.claim(permit).await;
        if std::mem::take(&mut is_ring) {
            got_work = found != ClaimOutcome::Nothing;
        }
        if found != ClaimOutcome::Nothing && !rung {
            metrics::doorbell_miss();
        }
        if found == ClaimOutcome::More {
            rung = true;
            continue;
        }
        let Some((wait, is_due)) = next_look(&env, &mut claimer).await else {
            rung = true;
            continue;
        };
        // Work that becomes due at a known time needs no ring, so it counts as no miss.
        rung = is_due;
        let sleep = tokio::time::sleep(wait);
        let another = another(&env, &slots, &claimer);
        tokio::pin!(sleep, another);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = &mut sleep => break,
                () = &mut another => {
                    rung = true;
                    break;
                }
                heard = doorbell.recv() => if heard.means_work() {
                    (rung, is_ring) = (true, true);
                    break;
                },
            }
        }
    }
}

/// Returns the time until the next look into the ledger, and whether work becomes due then; `None` if this worker has
/// just read a change of siblings: the same claim may find work now.
async fn next_look(env: &Environment, claimer: &mut Claimer<'_>) -> Option<(Duration, bool)> {
    let ahead = match claimer.ahead.take() {
        Some(ahead) => Some(ahead),
        None => match env.ledger.ahead(&env.mappings.routes()).await {
            Ok(ahead) => Some(ahead),
            Err(error) => {
                // A failed claim has set the pause already.
                if claimer.trouble.is_none() {
                    claimer.in_trouble(&error);
                }
                None
            }
        },
    };
    // The ledger gives no partition to a worker that has not read the last change of siblings.
    if let Some(ahead) = &ahead
        && env.mappings.siblings.revision() != Some(ahead.siblings)
        && claimer.read_siblings().await
    {
        return None;
    }
    // Jitter keeps idle workers from polling at the same time.
    let poll = env.config.worker.poll.mul_f64(rand::random_range(0.5..1.5));
    let due = ahead.and_then(|ahead| ahead.due_in_ms).map(Duration::from_millis);
    // A look may succeed while claims fail. Read last: each call above may find the ledger unreachable.
    let wait = claimer.trouble.or(due).map_or(poll, |wait| wait.min(poll));
    Some((wait, due.is_some_and(|due| due <= wait)))
}

/// Claims and works until nothing is due. Returns the number of groups.
///
/// It does not wait: work released for later stays in the ledger, as does work that becomes due after the last claim.
pub(crate) async fn run_due(env: &Arc<Environment>) -> usize {
    let size = env.config.worker.slots;
    let slots = Arc::new(Semaphore::new(size));
    let (groups, mut receiver) = mpsc::channel(size);
    let mut claimer = Claimer::new(env, &slots, &groups);
    let mut done = 0;
    while let Ok(permit) = Arc::clone(&slots).acquire_owned().await {
        let found = claimer.claim(permit).await;
        assert!(claimer.trouble.is_none(), "the ledger does not answer a claim");
        if found == ClaimOutcome::Nothing {
            break;
        }
        while let Ok(group) = receiver.try_recv() {
            done += 1;
            task::run(group, Arc::clone(env)).await;
        }
    }
    done
}

/// Waits for a free slot, and reports regularly that the loop is alive: tasks may be long. Returns `None` at `stop`.
async fn free_slot(
    slots: &Arc<Semaphore>,
    health: &Health,
    stop: &CancellationToken,
    turn: Duration,
) -> Option<OwnedSemaphorePermit> {
    let permit = Arc::clone(slots).acquire_owned();
    tokio::pin!(permit);
    let mut turns = tokio::time::interval(turn);
    loop {
        tokio::select! {
            () = stop.cancelled() => return None,
            permit = &mut permit => return permit.ok(),
            _ = turns.tick() => health.turned(),
        }
    }
}

/// Waits until a claim may find more: a second slot is free (after a claim for the only one), a target that held its
/// share has freed a slot, or a store that was down answers again.
async fn another(env: &Environment, slots: &Semaphore, last: &Claimer<'_>) {
    tokio::select! {
        _ = slots.acquire_many(2), if last.confined => {}
        () = env.shares.freed(), if last.full => {}
        () = env.shares.answered() => {}
    }
}

#[cfg(test)]
mod tests {
    use lethe_common::config::{Config, Worker};
    use lethe_common::ledger::Ahead;
    use sqlx::Executor as _;

    use super::*;
    use crate::fixture;

    #[tokio::test]
    async fn a_worker_that_cannot_look_or_read_its_siblings_tries_again_before_its_next_poll() {
        let poll = Duration::from_hours(1);
        let (directory, env) = fixture::worker().await;
        let env = Arc::new(Environment {
            config: Arc::new(Config {
                worker: Worker {
                    poll,
                    ..Worker::default()
                },
                ..Config::default()
            }),
            ..env
        });
        let (slots, (groups, _receiver)) = (Arc::new(Semaphore::new(1)), mpsc::channel(1));
        let mut claimer = Claimer::new(&env, &slots, &groups);
        assert!(claimer.read_siblings().await);
        let (pause, is_due) = next_look(&env, &mut claimer).await.unwrap();
        assert!(pause >= poll / 2 && !is_due, "{pause:?}");

        let ledger = sqlx::AnyPool::connect(&fixture::ledger_url(&directory)).await.unwrap();
        ledger.execute("UPDATE revisions SET n = n + 1").await.unwrap();
        ledger
            .execute("ALTER TABLE siblings RENAME TO elsewhere")
            .await
            .unwrap();
        let (pause, _) = next_look(&env, &mut claimer).await.unwrap();
        assert!(pause < poll / 2, "the siblings: {pause:?}");

        ledger
            .execute("ALTER TABLE elsewhere RENAME TO siblings")
            .await
            .unwrap();
        assert!(next_look(&env, &mut claimer).await.is_none(), "it has read them");
        claimer.trouble = None;
        ledger.execute("ALTER TABLE partitions RENAME TO away").await.unwrap();
        let (pause, _) = next_look(&env, &mut claimer).await.unwrap();
        assert!(pause < poll / 2, "the look: {pause:?}");

        ledger.execute("ALTER TABLE away RENAME TO partitions").await.unwrap();
        let outage = Duration::from_secs(5);
        claimer.trouble = Some(outage);
        for due_in_ms in [0, 1, 60_000] {
            claimer.ahead = Some(Ahead {
                due_in_ms: Some(due_in_ms),
                siblings: env.mappings.siblings.revision().unwrap(),
                ..Ahead::default()
            });
            let (pause, is_due) = next_look(&env, &mut claimer).await.unwrap();
            assert_eq!((pause, is_due), (outage, due_in_ms < 5_000), "claims fail");
        }
    }

    #[tokio::test]
    async fn a_loop_whose_slots_are_all_busy_is_alive() {
        let (slots, health, stop) = (Arc::new(Semaphore::new(1)), Health::default(), CancellationToken::new());
        let busy = Arc::clone(&slots).acquire_owned().await.unwrap();
        let waiting = free_slot(&slots, &health, &stop, Duration::from_millis(1));
        tokio::pin!(waiting);
        for _ in 0..3 {
            health.was_silent();
            while !health.is_alive() {
                let turned = tokio::time::timeout(Duration::from_millis(1), &mut waiting).await;
                assert!(turned.is_err(), "no slot is free");
            }
        }
        drop(busy);
        assert!(waiting.await.is_some());
    }
}
