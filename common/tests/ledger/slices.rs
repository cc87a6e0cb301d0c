//! The outcomes of a job's memories, by slice.

use std::time::Duration;

use lethe_common::error_code::ErrorCode;
use lethe_common::filter::Filter;
use lethe_common::job::JobId;
use lethe_common::ledger::{
    Delta, ExecutionOptions, Kind, Ledger, NewJob, NewPartition, RecordEnd, RetryOutcome, SliceCounts, Work,
};
use lethe_common::state::State;

use crate::support::new_job;
use crate::{TestLedger, accept, claim, claim_one, end, ended_as, erased, forget, ids, record};

crate::on_both! {
    the_parts_of_a_job_are_dealt_out_to_its_slices,
    what_is_not_counted_by_slices_has_none,
}

fn job(slices: Option<u32>) -> NewJob {
    let plan = NewPartition {
        kind: Kind::Plan,
        work: Work::Query,
        remaining: 0,
        ..ids(0)
    };
    NewJob {
        query: Some(Filter::All),
        execution: ExecutionOptions {
            slices,
            ..ExecutionOptions::default()
        },
        ..new_job(vec![plan])
    }
}

async fn plan(ledger: &Ledger, ranges: &[usize]) {
    let lease = claim_one(ledger).await;
    assert_eq!(lease.kind, Kind::Plan);
    let range = |n: &usize| NewPartition {
        work: Work::Range {
            after: None,
            through: None,
        },
        ..ids(*n)
    };
    let delta = Delta {
        selected: i64::try_from(ranges.iter().sum::<usize>()).unwrap(),
        planned: ranges.iter().map(range).collect(),
        ..Delta::default()
    };
    record(ledger, end(&lease, delta, RecordEnd::Done)).await;
}

/// Returns the erased, failed, unaccounted and total memories of each slice.
async fn slices(ledger: &Ledger, id: JobId) -> Vec<[u64; 4]> {
    let slices = ledger.slices(&[id]).await.unwrap().remove(&id).unwrap_or_default();
    let numbers = |slice: &SliceCounts| {
        let total = slice.accounted() + slice.remaining;
        [slice.most("erased"), slice.most("failed"), slice.remaining, total]
    };
    slices.iter().map(numbers).collect()
}

async fn selected(ledger: &Ledger, id: JobId) -> u64 {
    ledger.job(id).await.unwrap().unwrap().selected
}

async fn the_parts_of_a_job_are_dealt_out_to_its_slices(TestLedger { ledger, _dir, .. }: TestLedger) {
    let id = accept(&ledger, job(Some(3))).await;
    assert_eq!(slices(&ledger, id).await, [[0; 4]; 3]);
    plan(&ledger, &[5, 3, 2, 4]).await;
    assert_eq!(slices(&ledger, id).await, [[0, 0, 9, 9], [0, 0, 3, 3], [0, 0, 2, 2]]);

    for lease in claim(&ledger).await {
        // One row less than the plan counted.
        let fewer = lease.remaining == 5;
        let mut delta = erased(lease.remaining - u64::from(fewer));
        delta.selected = -i64::from(fewer);
        record(&ledger, end(&lease, delta, RecordEnd::Done)).await;
    }
    assert_eq!(slices(&ledger, id).await, [[8, 0, 0, 8], [3, 0, 0, 3], [2, 0, 0, 2]]);
    assert_eq!(selected(&ledger, id).await, 13);

    let read_back = claim_one(&ledger).await;
    let residue = RecordEnd::Residue { n: 2, progress: None };
    record(&ledger, end(&read_back, Delta::default(), residue)).await;
    let again = claim_one(&ledger).await;
    record(&ledger, end(&again, erased(2), RecordEnd::Done)).await;
    assert_eq!(slices(&ledger, id).await, [[8, 0, 0, 8], [3, 0, 0, 3], [4, 0, 0, 4]]);
    assert_eq!(selected(&ledger, id).await, 15);
}

async fn what_is_not_counted_by_slices_has_none(TestLedger { ledger, _dir, .. }: TestLedger) {
    let plain = accept(&ledger, job(None)).await;
    plan(&ledger, &[1]).await;
    let lease = claim_one(&ledger).await;
    record(&ledger, end(&lease, erased(1), RecordEnd::Done)).await;
    let last = claim_one(&ledger).await;
    record(&ledger, end(&last, Delta::default(), RecordEnd::Done)).await;
    assert_eq!(slices(&ledger, plain).await, [[0_u64; 4]; 0]);

    let id = accept(&ledger, job(Some(2))).await;
    plan(&ledger, &[2]).await;
    let lease = claim_one(&ledger).await;
    let after = record(
        &ledger,
        end(&lease, Delta::default(), RecordEnd::Failed(ErrorCode::Rejected)),
    )
    .await;
    assert_eq!(ended_as(&after), Some(State::Failed));
    assert_eq!(slices(&ledger, id).await, [[0, 2, 0, 2], [0; 4]]);
    // Another attempt begins with counts of zero.
    assert_eq!(
        ledger.retry(id, &crate::tester()).await.unwrap(),
        RetryOutcome::Accepted
    );
    assert_eq!(slices(&ledger, id).await, [[0; 4]; 2]);
    assert_eq!(ledger.job(id).await.unwrap().unwrap().slices, Some(2));
    // The slices go with the partitions that they count.
    ledger.cancel(id, &crate::tester()).await.unwrap();
    forget(&ledger, Duration::ZERO, Duration::from_hours(24)).await;
    assert_eq!(slices(&ledger, id).await, [[0_u64; 4]; 0]);
    assert_eq!(ledger.job(id).await.unwrap().unwrap().slices, None);
}
