//! Small jobs together: PostgreSQL claims and ends a group of them in one statement each.

use std::time::Duration;

use lethe_common::job::{JobId, Outcome, StoreKind};
use lethe_common::ledger::{
    After, AloneFirst, CancelOutcome, Claim, Delta, ItemCursor, ItemOutcome, Lapsed, Lease, Ledger, Record, RecordEnd,
    SmallFirst,
};
use lethe_common::state::State;

use crate::refusing::refuse;
use crate::support::{new_job, route};
use crate::{TestLedger, accept, claim, end, ended_as, erased, ids, state, tester, total};

crate::on_both! {
    a_group_ends_its_jobs_except_those_that_changed_meanwhile,
    a_group_ends_its_jobs_except_one_that_is_refused,
    a_repeated_last_record_is_a_lost_lease,
    workers_and_cancellations_at_once_end_each_job_once,
}

/// Accepts jobs of one id each, and claims them together. The leases are in the order of the jobs.
async fn claimed(ledger: &Ledger, n: usize) -> Vec<Lease> {
    for _ in 0..n {
        accept(ledger, new_job(vec![ids(1)])).await;
    }
    let mut leases = claim(ledger).await;
    assert_eq!(leases.len(), n);
    leases.sort_by_key(|lease| lease.job.id);
    leases
}

/// Returns a memory that is absent from both stores, and listed.
fn absent() -> Delta {
    let mut delta = Delta::default();
    for store in [StoreKind::Sql, StoreKind::Vector] {
        delta.count(store, Outcome::Absent, 1);
        delta.items.push(ItemOutcome {
            id: "memory-0".to_owned(),
            store,
            outcome: Some(Outcome::Absent),
            code: None,
        });
    }
    delta
}

/// Records the last batch of each lease, together.
async fn end_all(ledger: &Ledger, leases: &[Lease], delta: impl Fn() -> Delta) -> Vec<After> {
    let records: Vec<Record<'_>> = leases
        .iter()
        .map(|lease| end(lease, delta(), RecordEnd::Gone))
        .collect();
    ledger.record(&records).await.unwrap()
}

/// Returns the number of jobs that ended, in any state.
async fn ended(ledger: &Ledger) -> u64 {
    let mut sum = 0;
    for state in [State::Succeeded, State::Failed, State::Cancelled] {
        sum += total(ledger, "ended", state.as_str()).await;
    }
    sum
}

async fn a_group_ends_its_jobs_except_those_that_changed_meanwhile(test: TestLedger) {
    let ledger = &test.ledger;
    let leases = claimed(ledger, 4).await;
    let (lost, cancelled) = (leases[1].job.id, leases[2].job.id);
    test.run(format!(
        "UPDATE partitions SET lease_token = lease_token + 1 WHERE job_id = '{lost}'"
    ))
    .await;
    ledger.cancel(cancelled, &tester()).await.unwrap();

    let after = end_all(ledger, &leases, || erased(1)).await;
    let states: Vec<_> = after.iter().map(ended_as).collect();
    let succeeded = Some(State::Succeeded);
    assert_eq!(states, [succeeded, None, Some(State::Cancelled), succeeded]);
    assert!(matches!(after[1], After::Lost), "{:?}", after[1]);
    assert_eq!(state(ledger, lost).await, State::Running);
    assert_eq!((ended(ledger).await, ledger.backlog().await.unwrap()), (3, 1));
    assert_eq!(total(ledger, "memories", "erased").await, 3);
    let job = ledger.job(lost).await.unwrap().unwrap();
    assert_eq!((job.selected, job.remaining), (1, 1), "nothing was recorded");
}

async fn a_group_ends_its_jobs_except_one_that_is_refused(test: TestLedger) {
    let ledger = &test.ledger;
    let leases = claimed(ledger, 5).await;
    let bad = leases[2].job.id;
    refuse(&test, "items", "INSERT", &format!("NEW.job_id = '{bad}'")).await;
    let after = end_all(ledger, &leases, absent).await;
    for (lease, after) in leases.iter().zip(&after) {
        let id = lease.job.id;
        let listed = ledger.items(id, "absent", ItemCursor::default(), 10).await.unwrap();
        if id == bad {
            assert!(matches!(after, After::Refused), "{after:?}");
            assert_eq!((state(ledger, id).await, listed.len()), (State::Running, 0));
        } else {
            assert_eq!(ended_as(after), Some(State::Succeeded));
            assert_eq!(listed.len(), 2, "one for each store");
        }
    }
    assert_eq!(ended(ledger).await, 4);
    assert_eq!(total(ledger, "memories", "absent").await, 4);
}

async fn a_repeated_last_record_is_a_lost_lease(test: TestLedger) {
    let ledger = &test.ledger;
    let leases = claimed(ledger, 2).await;
    for is_first in [true, false] {
        let after = end_all(ledger, &leases, || erased(1)).await;
        for after in &after {
            assert_eq!(ended_as(after).is_some(), is_first, "{after:?}");
        }
    }
    for lease in &leases {
        let job = ledger.job(lease.job.id).await.unwrap().unwrap();
        assert!(job.stores.iter().all(|store| store.counts["erased"] == 1), "{job:?}");
    }
    assert_eq!((ended(ledger).await, total(ledger, "memories", "erased").await), (2, 2));
}

/// Claims and ends jobs until none is due. Returns the number of jobs whose end it was told.
async fn work(ledger: &Ledger) -> u64 {
    let routes = [route()];
    // A few at a time, so that the claims of several workers meet.
    let order = Claim {
        worker: "w",
        routes: &routes,
        small: 7,
        alone: 0,
        lapsed: Lapsed::Counts,
        siblings: 0,
        small_first: SmallFirst::OfFew,
        alone_first: AloneFirst::Lightest,
    };
    let mut told = 0;
    loop {
        let leases = ledger.claim(&order).await.unwrap().leases;
        if leases.is_empty() {
            return told;
        }
        let after = end_all(ledger, &leases, || erased(1)).await;
        assert!(after.iter().all(|after| ended_as(after).is_some()), "{after:?}");
        told += after.len() as u64;
    }
}

async fn workers_and_cancellations_at_once_end_each_job_once(test: TestLedger) {
    const JOBS: u64 = 90;
    let (ledger, other) = (&test.ledger, test.giving_up_after(Duration::from_hours(1)));
    let mut jobs: Vec<JobId> = Vec::new();
    for _ in 0..JOBS {
        jobs.push(accept(ledger, new_job(vec![ids(1)])).await);
    }
    let cancelling = async {
        let mut told = 0;
        for id in jobs.iter().rev().step_by(3) {
            let outcome = other.cancel(*id, &tester()).await.unwrap();
            told += u64::from(matches!(outcome, CancelOutcome::Cancelled(_)));
        }
        told
    };
    let (one, two, cancelled) = tokio::join!(work(ledger), work(&other), cancelling);
    // A worker stops if others have locked all jobs that are due.
    let rest = work(ledger).await;
    assert_eq!(one + two + cancelled + rest, JOBS, "each end is told once");
    assert_eq!((ended(ledger).await, ledger.backlog().await.unwrap()), (JOBS, 0));
    assert_eq!(total(ledger, "accepted", "").await, JOBS);
    let memories = total(ledger, "memories", "erased").await + total(ledger, "memories", "left").await;
    assert_eq!(memories, JOBS);
}
