//! Large jobs share the workers: none waits for the end of another.

use lethe_common::ledger::Claim;

use crate::support::{ids, new_job, route};
use crate::{TestLedger, accept};

crate::on_both!(the_beginning_of_a_job_goes_before_the_rest_of_a_larger_one);

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
        count_rescues: true,
        oldest_first: false,
    };

    let first = ledger.claim(&order).await.unwrap();

    let of = |job| first.iter().filter(|lease| lease.job.id == job).count();
    assert_eq!((of(later), of(large)), (5, 15));
    // And what is oldest comes all the same, now and then.
    let oldest = Claim {
        oldest_first: true,
        ..order
    };
    accept(ledger, new_job(vec![ids(1); 5])).await;
    let next = ledger.claim(&oldest).await.unwrap();
    assert!(next.iter().all(|lease| lease.job.id == large));
    // Whatever it weighs, it is known when it is due.
    assert_eq!(ledger.next_due().await.unwrap().map(|wait| wait > 0), Some(true));
}
