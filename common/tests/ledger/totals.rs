//! The totals of the ledger, and forgetting.

use std::time::Duration;

use lethe_common::error_code::ErrorCode;
use lethe_common::hold::HoldOn;
use lethe_common::job::Outcome;
use lethe_common::ledger::{
    After, Delta, HoldCount, HoldRecord, ItemOutcome, Kept, Ledger, NewJob, PutHold, RecordEnd,
};
use lethe_common::receipt::HoldGround;
use lethe_common::state::State;
use strum::IntoEnumIterator as _;

use crate::support::{erased, new_job};
use crate::{TestLedger, accept, claim, claim_one, end, finish, forget, ids, record, state, total};

crate::on_both! {
    the_totals_add_up,
    a_held_job_is_unfinished_and_its_memories_add_up,
    forgetting_keeps_the_counts,
    a_large_job_is_forgotten_in_steps,
}

async fn the_totals_add_up(TestLedger { ledger, _dir, .. }: TestLedger) {
    accept(&ledger, new_job(vec![ids(5)])).await;
    accept(&ledger, new_job(vec![ids(6)])).await;
    let cancelled = accept(&ledger, new_job(vec![ids(7)])).await;
    accept(
        &ledger,
        NewJob {
            not_before: Some(i64::MAX / 4),
            ..new_job(vec![ids(8)])
        },
    )
    .await;
    ledger.cancel(cancelled, &crate::tester()).await.unwrap();
    let leases = claim(&ledger).await;
    finish(&ledger, &leases[0]).await;
    record(
        &ledger,
        end(&leases[1], Delta::default(), RecordEnd::Failed(ErrorCode::Rejected)),
    )
    .await;
    let ended = total(&ledger, "ended", "succeeded").await
        + total(&ledger, "ended", "failed").await
        + total(&ledger, "ended", "cancelled").await;
    assert_eq!(
        total(&ledger, "accepted", "").await,
        ended + ledger.backlog().await.unwrap()
    );
    let mut outcomes = 0;
    for outcome in Outcome::iter() {
        outcomes += total(&ledger, "memories", outcome.as_str()).await;
    }
    let remaining: u64 = ledger.service_state(20).await.unwrap().remaining.values().sum();
    assert_eq!(total(&ledger, "selected", "").await, outcomes + remaining);
    assert_eq!((outcomes, remaining), (18, 8));
}

/// Returns the selected memories, and those that are accounted for or remain.
async fn memories(ledger: &Ledger) -> (u64, u64) {
    let mut outcomes = 0;
    for outcome in Outcome::iter() {
        outcomes += total(ledger, "memories", outcome.as_str()).await;
    }
    let remaining: u64 = ledger.service_state(20).await.unwrap().remaining.values().sum();
    (total(ledger, "selected", "").await, outcomes + remaining)
}

async fn a_held_job_is_unfinished_and_its_memories_add_up(TestLedger { ledger, _dir, .. }: TestLedger) {
    let by = crate::tester();
    let hold = HoldRecord {
        name: "case-7".to_owned(),
        target: None,
        table: None,
        on: HoldOn::Everything,
        ground: HoldGround::Claims,
        by: None,
        reference: None,
        principal: "tests".to_owned(),
        until: None,
    };
    assert_eq!(ledger.put_hold(&hold, 10, None, &by).await.unwrap(), PutHold::New);
    let revision = ledger.hold("case-7").await.unwrap().unwrap().revision;
    let id = accept(&ledger, new_job(vec![ids(3)])).await;
    let lease = claim_one(&ledger).await;
    let mut delta = erased(2);
    for store in lease.stores.iter().copied() {
        delta.count(store, Outcome::Held, 1);
        delta.items.push(ItemOutcome {
            id: "memory-2".to_owned(),
            store,
            outcome: Some(Outcome::Held),
            code: None,
        });
    }
    delta.holds.push(HoldCount {
        hold: "case-7".to_owned(),
        revision,
        ground: HoldGround::Claims,
        n: 1,
    });
    let After::ReadBack { lease: back, .. } = record(&ledger, end(&lease, delta, RecordEnd::Done)).await else {
        panic!("a small job is read back under the same lease")
    };
    record(&ledger, end(&back, Delta::default(), RecordEnd::Done)).await;

    assert_eq!(state(&ledger, id).await, State::Held);
    assert_eq!(memories(&ledger).await, (3, 3));
    // It is neither ended nor a part of the backlog, which limits callers.
    let ended = total(&ledger, "ended", "succeeded").await + total(&ledger, "ended", "held").await;
    assert_eq!((ended, ledger.backlog().await.unwrap()), (0, 0));
    assert_eq!(total(&ledger, "accepted", "").await, 1);

    assert!(ledger.release_hold("case-7", revision, &by).await.unwrap());
    let mut after = None;
    loop {
        let settled = ledger.settle_holds(after).await.unwrap();
        after = settled.after;
        if !settled.more {
            break;
        }
    }
    assert_eq!(ledger.backlog().await.unwrap(), 1);
    // The held memory is selected once more.
    assert_eq!(memories(&ledger).await, (4, 4));
    let lease = claim_one(&ledger).await;
    assert_eq!(lease.remaining, 1);
    finish(&ledger, &lease).await;
    assert_eq!(state(&ledger, id).await, State::Succeeded);
    assert_eq!(memories(&ledger).await, (4, 4));
    let job = ledger.job(id).await.unwrap().unwrap();
    assert_eq!(job.selected, 3);
    assert!(job.stores.iter().all(|store| store.counts["erased"] == 3), "{job:?}");
    assert_eq!(total(&ledger, "accepted", "").await, 1);
    assert_eq!(total(&ledger, "ended", "succeeded").await, 1);
}

async fn forgetting_keeps_the_counts(TestLedger { ledger, _dir, .. }: TestLedger) {
    let id = accept(
        &ledger,
        NewJob {
            owner: Some("ana".to_owned()),
            ..new_job(vec![ids(2)])
        },
    )
    .await;
    let lease = claim_one(&ledger).await;
    assert_eq!(lease.job.owner.as_deref(), Some("ana"));
    finish(&ledger, &lease).await;
    let before = ledger.job(id).await.unwrap().unwrap().stores;
    let day = Duration::from_hours(24);
    forget(&ledger, day, day).await;
    assert!(
        ledger.job(id).await.unwrap().unwrap().forgotten_at.is_none(),
        "not before its time"
    );
    forget(&ledger, Duration::ZERO, day).await;
    let job = ledger.job(id).await.unwrap().unwrap();
    assert!(job.forgotten_at.is_some());
    assert_eq!(job.stores, before);
    forget(&ledger, Duration::ZERO, Duration::ZERO).await;
    assert!(ledger.job(id).await.unwrap().is_none());
}

async fn a_large_job_is_forgotten_in_steps(test: TestLedger) {
    let ledger = &test.ledger;
    let id = accept(ledger, new_job((0..501).map(|_| ids(1)).collect())).await;
    ledger.cancel(id, &crate::tester()).await.unwrap();
    let day = Duration::from_hours(24);
    let kept = Kept {
        items: Duration::ZERO,
        jobs: day,
        keys: day,
        audit: day,
        receipts: day,
    };
    let left = "UPDATE partitions SET ordinal = ordinal";
    let mut lefts = Vec::new();
    while ledger.forget(kept).await.unwrap().more {
        lefts.push(test.run(left).await);
        let job = ledger.job(id).await.unwrap().unwrap();
        assert!(job.forgotten_at.is_some());
        assert!(job.stores.iter().all(|store| store.counts["left"] == 501));
    }
    assert_eq!((lefts, test.run(left).await), (vec![1], 0));
}
