//! Large jobs share the workers: none waits for the end of another.

use lethe_common::job::JobId;
use lethe_common::ledger::{AloneFirst, Claim, Lapsed, NewJob, NewPartition, Route, Scope, SmallFirst};

use crate::support::{ids, new_job, route};
use crate::{TestLedger, accept};

crate::on_both!(
    the_beginning_of_a_job_goes_before_the_rest_of_a_larger_one,
    a_caller_with_few_jobs_does_not_wait_for_one_with_many,
    callers_with_many_jobs_are_not_kept_waiting_for_good,
    the_ledger_says_of_which_mappings_something_is_due,
    a_claim_for_several_mappings_takes_as_many_as_it_asks_for,
);

async fn the_beginning_of_a_job_goes_before_the_rest_of_a_larger_one(test: TestLedger) {
    let ledger = &test.ledger;
    let large = accept(ledger, new_job(vec![ids(1); 600])).await;
    let later = accept(ledger, new_job(vec![ids(1); 5])).await;
    let routes = [route()];
    let order = Claim {
        worker: "worker",
        routes: &routes,
        small: 0,
        alone: 20,
        lapsed: Lapsed::Counts,
        siblings: 0,
        small_first: SmallFirst::OfFew,
        alone_first: AloneFirst::Lightest,
    };

    let first = ledger.claim(&order).await.unwrap().leases;

    let of = |job| first.iter().filter(|lease| lease.job.id == job).count();
    assert_eq!((of(later), of(large)), (5, 15));
    // Regularly, a claim takes the oldest partitions.
    let oldest = Claim {
        alone_first: AloneFirst::Oldest,
        ..order
    };
    accept(ledger, new_job(vec![ids(1); 5])).await;
    let next = ledger.claim(&oldest).await.unwrap().leases;
    assert!(next.iter().all(|lease| lease.job.id == large));
    // A partition of any weight has a known due time.
    assert_eq!(
        ledger.ahead(&[route()]).await.unwrap().due_in_ms.map(|wait| wait > 0),
        Some(true)
    );
}

async fn a_caller_with_few_jobs_does_not_wait_for_one_with_many(test: TestLedger) {
    let ledger = &test.ledger;
    let of = |principal: &str| NewJob {
        scope: Scope {
            principal: principal.to_owned(),
            route: "/v1/jobs",
        },
        ..new_job(vec![ids(1)])
    };
    let mut many = Vec::new();
    for _ in 0..150 {
        many.push(accept(ledger, of("many")).await);
    }
    let few = accept(ledger, of("few")).await;
    let routes = [route()];
    let order = |small| Claim {
        worker: "worker",
        routes: &routes,
        small,
        alone: 0,
        lapsed: Lapsed::Counts,
        siblings: 0,
        small_first: SmallFirst::OfFew,
        alone_first: AloneFirst::Lightest,
    };

    let mut claimed = Vec::new();
    for small in [101, 100] {
        let leases = ledger.claim(&order(small)).await.unwrap().leases;
        claimed.push(leases.into_iter().map(|lease| lease.job.id).collect::<Vec<JobId>>());
    }

    // The first jobs of the caller came before it had many.
    assert!(claimed[0].contains(&few), "the one waits for a hundred at most");
    let late = many[100..].iter().all(|job| claimed[1].contains(job));
    assert!(late, "and the others come after it");
}

async fn callers_with_many_jobs_are_not_kept_waiting_for_good(test: TestLedger) {
    let ledger = &test.ledger;
    let mut many = Vec::new();
    for _ in 0..103 {
        many.push(accept(ledger, new_job(vec![ids(1)])).await);
    }
    let routes = [route()];
    let order = Claim {
        worker: "worker",
        routes: &routes,
        small: 10,
        alone: 0,
        lapsed: Lapsed::Counts,
        siblings: 0,
        small_first: SmallFirst::OfMany,
        alone_first: AloneFirst::Lightest,
    };

    let claimed = ledger.claim(&order).await.unwrap().leases;
    let mut claimed: Vec<JobId> = claimed.iter().map(|lease| lease.job.id).collect();
    claimed.sort();
    assert_eq!(claimed, many[100..], "the first hundred weigh less");
    // After these, the claim takes the other jobs.
    assert_eq!(ledger.claim(&order).await.unwrap().leases.len(), 10);
}

async fn the_ledger_says_of_which_mappings_something_is_due(test: TestLedger) {
    let ledger = &test.ledger;
    let due = async || ledger.ahead(&[route(), other()]).await.unwrap().due;
    assert!(due().await.is_empty());
    // Small jobs, and a job with partitions of each weight.
    for partitions in [1, 300] {
        accept(ledger, new_job(vec![ids(1); partitions])).await;
        assert_eq!(due().await, [route()]);
        assert!(ledger.ahead(&[other()]).await.unwrap().due.is_empty());
        let routes = [other(), route()];
        assert_eq!(
            ledger.claim(&order(&routes, 1_000, 1_000)).await.unwrap().leases.len(),
            partitions
        );
        assert!(due().await.is_empty(), "their leases run");
    }
}

async fn a_claim_for_several_mappings_takes_as_many_as_it_asks_for(test: TestLedger) {
    let ledger = &test.ledger;
    let of_other = |n| NewPartition {
        route: other(),
        ..ids(n)
    };
    for _ in 0..4 {
        accept(ledger, new_job(vec![ids(1)])).await;
        accept(ledger, new_job(vec![of_other(1)])).await;
    }
    accept(ledger, new_job(vec![ids(1); 3])).await;
    accept(ledger, new_job(vec![of_other(1); 3])).await;
    let routes = [route(), other()];
    let mut taken = Vec::new();
    for (small, alone) in [(5, 4), (5, 4), (5, 4)] {
        let leases = ledger.claim(&order(&routes, small, alone)).await.unwrap().leases;
        let large = leases.iter().filter(|lease| lease.alone).count();
        taken.push((leases.len() - large, large));
    }
    assert_eq!(taken, [(5, 4), (3, 2), (0, 0)]);
}

fn other() -> Route {
    Route {
        target: "other".to_owned(),
        ..route()
    }
}

fn order(routes: &[Route], small: u32, alone: u32) -> Claim<'_> {
    Claim {
        worker: "worker",
        routes,
        small,
        alone,
        lapsed: Lapsed::Counts,
        siblings: 0,
        small_first: SmallFirst::OfFew,
        alone_first: AloneFirst::Lightest,
    }
}
