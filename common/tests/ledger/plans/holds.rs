//! Legal holds, and the jobs that they keep held.

use std::time::Duration;

use lethe_common::job::{JobId, Outcome, StoreKind};
use lethe_common::ledger::{After, Delta, HoldCount, HoldRecord, ItemOutcome, Ledger, PutHold, RecordEnd};
use lethe_common::receipt::HoldGround;
use lethe_common::state::State;

use super::work::{one, work};
use super::{list, mapping};
use crate::holds::{hold, put, release, revision, settle};
use crate::support::new_job;
use crate::{TestLedger, accept, end, erased, record, state};

const DAY: Duration = Duration::from_hours(24);

/// A hold from its placing to its expiry, and until it is forgotten. Others are listed meanwhile.
pub(super) async fn placed(test: &TestLedger) {
    let (ledger, name) = (&test.ledger, JobId::new().to_string());
    let until = HoldRecord {
        until: Some(TestLedger::now() + 3_600_000),
        ..hold(&name)
    };
    assert_eq!(put(ledger, &until).await, PutHold::New);
    assert_eq!(put(ledger, &until).await, PutHold::Replaced);
    assert!(ledger.holds("", 10, false).await.unwrap().len() == 1);
    assert!(ledger.holds("", 10, true).await.unwrap().len() <= 10);
    let set = ledger.holds_in_force().await.unwrap();
    assert!(set.holds.len() == 1 && set.revision == ledger.holds_revision().await.unwrap());
    assert_eq!(ledger.hold_gauges().await.unwrap(), (1, 1));
    assert_eq!(ledger.next_schedule().await.unwrap().holds_wait, Some(0));
    assert!(settle(ledger).await.is_empty());

    test.run(format!("UPDATE holds SET until_at = 1 WHERE name = '{name}'"))
        .await;
    assert_eq!(ledger.late_holds(DAY).await.unwrap(), 1);
    assert!(settle(ledger).await.is_empty());
    test.run(format!("UPDATE holds SET released_at = 1 WHERE name = '{name}'"))
        .await;
    assert!(!ledger.forget_holds(DAY).await.unwrap());
    assert!(ledger.hold(&name).await.unwrap().is_none());
}

/// Returns the results of a batch of three memories: a hold keeps one of them.
async fn kept(ledger: &Ledger, name: &str) -> Delta {
    let mut delta = erased(2);
    for store in [StoreKind::Sql, StoreKind::Vector] {
        delta.count(store, Outcome::Held, 1);
        delta.items.push(ItemOutcome {
            id: "memory-0".to_owned(),
            store,
            outcome: Some(Outcome::Held),
            code: None,
        });
    }
    delta.holds.push(HoldCount {
        hold: name.to_owned(),
        revision: revision(ledger, name).await.expect("it is in force"),
        ground: HoldGround::Claims,
        n: 1,
    });
    delta
}

/// A job that a hold keeps held. The hold is released before that.
pub(super) async fn held(test: &TestLedger) {
    let (ledger, mapping, name) = (&test.ledger, mapping(), JobId::new().to_string());
    assert_eq!(put(ledger, &hold(&name)).await, PutHold::New);
    let id = accept(ledger, new_job(vec![list(&mapping, 3)])).await;
    let lease = one(ledger, &mapping).await;
    ledger.intend(&[(&lease, "{}".to_owned())]).await.unwrap();
    let in_flight = ledger.in_flight(Some("main"), Some("memories")).await.unwrap();
    assert!(in_flight.jobs.contains(&(id, 1)), "{in_flight:?}");
    let delta = kept(ledger, &name).await;
    let After::ReadBack { lease, .. } = record(ledger, end(&lease, delta, RecordEnd::Done)).await else {
        panic!("its worker reads it back")
    };
    release(ledger, &name).await;
    record(ledger, end(&lease, Delta::default(), RecordEnd::Done)).await;
    assert_eq!(state(ledger, id).await, State::Held);
    assert!(ledger.rests(id).await.unwrap());
    assert_eq!(ledger.holds_of(id).await.unwrap().len(), 1);
    assert_eq!(ledger.hold(&name).await.unwrap().map(|hold| hold.jobs), Some(1));

    assert_eq!(settle(ledger).await, [id]);
    work(ledger, &mapping).await;
    assert_eq!(state(ledger, id).await, State::Succeeded);
    // The next step lists its own hold only.
    test.run(format!("DELETE FROM holds WHERE name = '{name}'")).await;
}
