//! Legal holds: placing and releasing them, and the jobs that go on after a change.

mod settled;
mod stored;
mod waiting;

use lethe_common::hold::HoldOn;
use lethe_common::job::{JobId, Outcome, StoreKind};
use lethe_common::ledger::{
    After, Delta, HoldCount, HoldRecord, ItemOutcome, Lease, Ledger, NewJob, PutHold, RecordEnd,
};
use lethe_common::receipt::HoldGround;
use lethe_common::state::State;

use crate::support::new_job;
use crate::{accept, claim_one, end, ended_as, erased, ids, record, tester};

/// The most holds in force in these tests.
const MOST: u64 = 1_000;

/// Returns a hold on one person in all targets.
pub(crate) fn hold(name: &str) -> HoldRecord {
    HoldRecord {
        name: name.to_owned(),
        target: None,
        table: None,
        on: HoldOn::Persons(vec!["ana".to_owned()]),
        ground: HoldGround::Claims,
        by: Some("Legal, Ms Doe".to_owned()),
        reference: Some("CASE-77".to_owned()),
        principal: "tests".to_owned(),
        until: None,
    }
}

/// Returns the revision of the hold with this name, if it is in force.
pub(crate) async fn revision(ledger: &Ledger, name: &str) -> Option<i64> {
    let found = ledger.hold(name).await.unwrap();
    found
        .filter(|hold| hold.released_at.is_none())
        .map(|hold| hold.revision)
}

/// Writes a hold over the one that is in force.
pub(crate) async fn put(ledger: &Ledger, hold: &HoldRecord) -> PutHold {
    let over = revision(ledger, &hold.name).await;
    ledger.put_hold(hold, MOST, over, &tester()).await.unwrap()
}

/// Releases a hold that is in force.
pub(crate) async fn release(ledger: &Ledger, name: &str) {
    let over = revision(ledger, name).await.expect("it is in force");
    assert!(ledger.release_hold(name, over, &tester()).await.unwrap());
}

/// Queues jobs again until no step has work. Returns them.
pub(crate) async fn settle(ledger: &Ledger) -> Vec<JobId> {
    let (mut requeued, mut after) = (Vec::new(), None);
    loop {
        let step = ledger.settle_holds(after.take()).await.unwrap();
        requeued.extend(step.requeued);
        if !step.more {
            return requeued;
        }
        after = step.after;
    }
}

/// Returns the results of a batch: erased memories, and those that a hold keeps.
fn kept(erases: u64, kept: &[&str], (hold, revision): (&str, i64)) -> Delta {
    let mut delta = erased(erases);
    for store in [StoreKind::Sql, StoreKind::Vector] {
        delta.count(store, Outcome::Held, kept.len() as u64);
        delta.items.extend(kept.iter().map(|id| ItemOutcome {
            id: (*id).to_owned(),
            store,
            outcome: Some(Outcome::Held),
            code: None,
        }));
    }
    delta.holds.push(HoldCount {
        hold: hold.to_owned(),
        revision,
        ground: HoldGround::Claims,
        n: kept.len() as u64,
    });
    delta
}

/// Records a batch as done, and its read-back as free of residue. Returns the final state of the job.
async fn work(ledger: &Ledger, lease: &Lease, delta: Delta) -> Option<State> {
    let after = match record(ledger, end(lease, delta, RecordEnd::Done)).await {
        After::ReadBack { lease, .. } => record(ledger, end(&lease, Delta::default(), RecordEnd::Done)).await,
        other => other,
    };
    ended_as(&after)
}

/// Makes a job held whose last of three memories a hold in force keeps.
async fn held_job(ledger: &Ledger, name: &str) -> JobId {
    held(ledger, name, new_job(vec![ids(3)])).await
}

/// Makes a job of three listed memories held: a hold in force keeps the last one.
async fn held(ledger: &Ledger, name: &str, job: NewJob) -> JobId {
    let read = revision(ledger, name).await.expect("it is in force");
    let id = accept(ledger, job).await;
    let lease = claim_one(ledger).await;
    let ended = work(ledger, &lease, kept(2, &["memory-2"], (name, read))).await;
    assert_eq!(ended, Some(State::Held));
    id
}
