//! Placing and releasing holds, and jobs that they hold back.

use lethe_common::hold::HoldOn;
use lethe_common::job::JobId;
use lethe_common::ledger::{Actor, HoldRecord, JobView, NewJob, PutHold};
use lethe_common::receipt::HoldGround;
use lethe_common::state::State;

use crate::world::World;

/// The name of a test's hold.
pub(super) const NAME: &str = "case-7";

/// More steps than any test needs to queue its jobs again.
const STEPS: usize = 100;

/// Returns a hold on all targets and tables.
pub(super) fn hold(on: HoldOn) -> HoldRecord {
    named(NAME, on)
}

/// Returns a hold with this name, on all targets and tables.
pub(super) fn named(name: &str, on: HoldOn) -> HoldRecord {
    HoldRecord {
        name: name.to_owned(),
        target: None,
        table: None,
        on,
        ground: HoldGround::Claims,
        by: None,
        reference: None,
        principal: "tests".to_owned(),
        until: None,
    }
}

/// Returns a hold on persons.
pub(super) fn persons(names: &[&str]) -> HoldOn {
    HoldOn::Persons(owned(names))
}

/// Returns a hold on ids.
pub(super) fn ids(ids: &[&str]) -> HoldOn {
    HoldOn::Ids(owned(ids))
}

/// Returns a hold on workspaces.
pub(super) fn workspaces(names: &[&str]) -> HoldOn {
    HoldOn::Workspaces(owned(names))
}

fn owned(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

/// Places a hold, or replaces it.
pub(super) async fn place(world: &World, hold: HoldRecord) {
    let over = in_force(world, &hold.name).await;
    let placed = world.ledger.put_hold(&hold, 1_000, over, &actor()).await.unwrap();
    assert!(matches!(placed, PutHold::New | PutHold::Replaced), "{placed:?}");
}

/// Releases a hold. Returns the jobs that were queued again.
pub(super) async fn release(world: &World, name: &str) -> Vec<JobId> {
    let revision = in_force(world, name).await.unwrap();
    let released = world.ledger.release_hold(name, revision, &actor()).await.unwrap();
    assert!(released, "{name}");
    settle(world).await
}

/// Returns the revision of a hold in force.
async fn in_force(world: &World, name: &str) -> Option<i64> {
    let hold = world.ledger.hold(name).await.unwrap();
    hold.filter(|hold| hold.released_at.is_none()).map(|hold| hold.revision)
}

/// Queues jobs again, as an API does after a hold has changed. Returns the jobs.
pub(super) async fn settle(world: &World) -> Vec<JobId> {
    let (mut after, mut requeued) = (None, Vec::new());
    for _ in 0..STEPS {
        let settled = world.ledger.settle_holds(after).await.unwrap();
        requeued.extend(settled.requeued);
        if !settled.more {
            return requeued;
        }
        after = settled.after;
    }
    panic!("a hold is never settled")
}

/// Works on a job until nothing is due.
pub(super) async fn rest(world: &World, job: NewJob) -> JobView {
    let id = world.accept(job).await;
    world.run_due_jobs().await;
    world.seen(id).await
}

/// Works on a job, which a hold holds back.
pub(super) async fn held(world: &World, job: NewJob) -> JobView {
    let job = rest(world, job).await;
    assert_eq!((job.state, job.ended_at), (State::Held, None), "{job:?}");
    assert!(job.held_at.is_some(), "{job:?}");
    job
}

/// Releases the test's hold. The job is queued again and erases the rest.
pub(super) async fn erased_after_release(world: &World, id: JobId) -> JobView {
    assert_eq!(release(world, NAME).await, [id]);
    let job = world.work(id).await;
    assert_eq!((job.state, job.held_at), (State::Succeeded, None), "{job:?}");
    job
}

/// Returns the counts of a store, by outcome. Counts of zero, and the memories of another round, are left out.
pub(super) fn counts<'a>(job: &'a JobView, store: &str) -> Vec<(&'a str, u64)> {
    let all = job.stores.iter().filter(|counts| counts.store.as_str() == store);
    let all = all.flat_map(|counts| &counts.counts);
    all.filter(|(outcome, n)| **n > 0 && *outcome != "residue")
        .map(|(outcome, n)| (outcome.as_str(), *n))
        .collect()
}

fn actor() -> Actor {
    Actor::named("tests")
}
