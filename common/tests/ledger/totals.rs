//! The totals of the ledger, and forgetting.

use std::time::Duration;

use lethe_common::error_code::ErrorCode;
use lethe_common::job::Outcome;
use lethe_common::ledger::{Delta, Kept, NewJob, RecordEnd};
use strum::IntoEnumIterator as _;

use crate::support::new_job;
use crate::{TestLedger, accept, claim, claim_one, end, finish, forget, ids, record, total};

crate::on_both! {
    the_totals_add_up,
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
