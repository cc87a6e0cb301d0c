//! Holds that are placed, replaced and released, and the memories that they keep.
//!
//! The ledger does not ask what a hold names: workers find that out, and record it.

use lethe_common::hold::HoldOn;
use lethe_common::job::Outcome;
use lethe_common::ledger::{Delta, HoldCount, HoldRecord, ItemOutcome, Kind, Lease, RecordEnd, Work};
use lethe_common::receipt::HoldGround;

use super::{BOTH, World, tester};

/// The names of the holds.
pub(super) const HOLDS: [&str; 2] = ["one", "two"];

impl World {
    pub(super) async fn place(&mut self, hold: usize) {
        self.placed += 1;
        let record = HoldRecord {
            name: HOLDS[hold].to_owned(),
            target: None,
            table: None,
            // Each one is another.
            on: HoldOn::Ids(vec![self.placed.to_string()]),
            ground: HoldGround::Claims,
            by: None,
            reference: None,
            principal: "tests".to_owned(),
            until: None,
        };
        let over = self.in_force(hold).await;
        self.ledger.put_hold(&record, 10, over, &tester()).await.unwrap();
        self.read[hold] = self.in_force(hold).await;
        assert!(self.read[hold] > over, "a change has a new revision");
    }

    pub(super) async fn let_go(&mut self, hold: usize) {
        if let Some(revision) = self.in_force(hold).await {
            let released = self.ledger.release_hold(HOLDS[hold], revision, &tester()).await;
            assert!(released.unwrap());
        }
    }

    /// Returns the revision of a hold in force.
    async fn in_force(&self, hold: usize) -> Option<i64> {
        let hold = self.ledger.hold(HOLDS[hold]).await.unwrap();
        hold.filter(|hold| hold.released_at.is_none()).map(|hold| hold.revision)
    }

    pub(super) async fn settle(&self) {
        let (mut after, mut steps) = (None, 0);
        loop {
            let settled = self.ledger.settle_holds(after).await.unwrap();
            if !settled.more {
                return;
            }
            after = settled.after;
            steps += 1;
            assert!(steps < 200, "holds are never settled");
        }
    }

    /// Records that a hold keeps the next memory.
    pub(super) async fn keep(&mut self, n: usize, hold: usize) {
        let at = self.pick(n).filter(|&at| {
            let lease = &self.leases[at];
            lease.kind == Kind::Erase && lease.remaining > 0 && !self.written.contains(&lease.job.id)
        });
        let (Some(at), Some(revision)) = (at, self.read[hold]) else {
            return;
        };
        let keeper = HoldCount {
            hold: HOLDS[hold].to_owned(),
            revision,
            ground: HoldGround::Claims,
            n: 1,
        };
        let delta = kept(&self.leases[at], keeper);
        if self.leases[at].remaining > 1 {
            self.record(at, delta).await;
        } else {
            self.end(n, |_| (delta.clone(), RecordEnd::Done)).await;
        }
    }
}

/// Returns the record of the next memory of a partition, which a hold keeps.
fn kept(lease: &Lease, keeper: HoldCount) -> Delta {
    let Work::Ids(ids) = &lease.work else { panic!("a list") };
    let next = ids.len() - usize::try_from(lease.remaining).unwrap();
    let mut delta = Delta {
        holds: vec![keeper],
        ..Delta::default()
    };
    for store in BOTH {
        delta.count(store, Outcome::Held, 1);
        delta.items.push(ItemOutcome {
            id: ids[next].clone(),
            store,
            outcome: Some(Outcome::Held),
            code: None,
        });
    }
    delta
}
