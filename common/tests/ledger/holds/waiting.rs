//! What a caller is told of batches under way, and what an idle process asks.

use lethe_common::ledger::{HoldRecord, InFlight, LeaseCheck, Ledger, Release};

use super::{held_job, hold, put, release, settle};
use crate::support::new_job;
use crate::{TestLedger, accept, claim, ids};

crate::on_both! {
    batches_under_way_are_told,
    an_idle_process_learns_when_a_hold_needs_it,
}

async fn batches_under_way_are_told(test: TestLedger) {
    let ledger = &test.ledger;
    for _ in 0..2 {
        accept(ledger, new_job(vec![ids(2); 2])).await;
    }
    let none = InFlight::default();
    assert_eq!(ledger.in_flight(None, None).await.unwrap(), none, "nothing has begun");
    let mut leases = claim(ledger).await;
    assert_eq!(leases.len(), 4);
    assert_eq!(ledger.in_flight(None, None).await.unwrap(), none, "no batch has begun");
    leases.sort_by_key(|lease| (lease.job.id, lease.ordinal));
    let begun: Vec<_> = leases.iter().take(3).map(|lease| (lease, "{}".to_owned())).collect();
    let written = ledger.intend(&begun).await.unwrap();
    assert!(written.iter().all(|check| matches!(check, LeaseCheck::Proceed(_))));

    let (first, second) = (leases[0].job.id, leases[3].job.id);
    let both = InFlight {
        jobs: vec![(first, 2), (second, 1)],
        more: false,
    };
    for (target, table) in [
        (None, None),
        (Some("main"), None),
        (Some("main"), Some("memories")),
        (None, Some("memories")),
    ] {
        assert_eq!(
            ledger.in_flight(target, table).await.unwrap(),
            both,
            "{target:?} {table:?}"
        );
    }
    for (target, table) in [(Some("other"), None), (Some("main"), Some("turns"))] {
        assert_eq!(
            ledger.in_flight(target, table).await.unwrap(),
            none,
            "{target:?} {table:?}"
        );
    }

    // The next claim finishes this batch, and asks for the holds first.
    let put_back = Release {
        fence: leases[0].fence(),
        delay_ms: 0,
        error: None,
        charged: false,
        alone: false,
    };
    ledger.release(&[put_back]).await.unwrap();
    let expected = vec![(first, 1), (second, 1)];
    assert_eq!(ledger.in_flight(None, None).await.unwrap().jobs, expected);
    // A worker without its lease may still wait for one call.
    test.pass(45_000).await;
    assert_eq!(ledger.in_flight(None, None).await.unwrap().jobs, expected);
    test.pass(30_000).await;
    assert_eq!(ledger.in_flight(None, None).await.unwrap(), none);
}

async fn waits(ledger: &Ledger) -> Option<u64> {
    ledger.next_schedule().await.unwrap().holds_wait
}

async fn an_idle_process_learns_when_a_hold_needs_it(test: TestLedger) {
    let ledger = &test.ledger;
    assert_eq!(waits(ledger).await, None);
    put(ledger, &hold("case-77")).await;
    assert_eq!(waits(ledger).await, Some(0), "jobs may name an older hold of this name");
    settle(ledger).await;
    assert_eq!(waits(ledger).await, Some(1_000));
    held_job(ledger, "case-77").await;
    assert_eq!(waits(ledger).await, Some(1_000), "the hold is as its worker read it");

    let until = HoldRecord {
        until: Some(TestLedger::now() + 3_600_000),
        ..hold("case-78")
    };
    put(ledger, &until).await;
    settle(ledger).await;
    assert_eq!(waits(ledger).await, Some(1_000));
    test.run("UPDATE holds SET until_at = 1 WHERE name = 'case-78'").await;
    assert_eq!(waits(ledger).await, Some(0));
    settle(ledger).await;
    release(ledger, "case-77").await;
    assert_eq!(waits(ledger).await, Some(0));
    settle(ledger).await;
    assert_eq!(waits(ledger).await, None);
}
