//! Jobs by subject and by query: each attempt makes its own plan.

use std::collections::BTreeMap;

use lethe_common::filter::Filter;
use lethe_common::job::{Outcome, StoreKind};
use lethe_common::ledger::{Delta, ExecutionOptions, Kind, NewJob, NewPartition, RecordEnd, Work};
use lethe_common::state::State;

use super::{adds_up, both, cancel, counts, met, plan, read_back, retry, step};
use crate::{TestLedger, accept, claim, claim_one, end, ended_as, erased, record, subject_job};

crate::on_both! {
    a_plan_is_made_anew_and_its_counts_are_added,
    points_without_a_name_are_counted_by_the_last_attempt,
    earlier_attempts_count_against_what_a_query_may_take,
}

async fn a_plan_is_made_anew_and_its_counts_are_added(TestLedger { ledger, _dir, .. }: TestLedger) {
    let id = accept(&ledger, subject_job(1)).await;
    plan(&ledger, &[5, 6]).await;
    let mut ranges = claim(&ledger).await;
    ranges.sort_by_key(|lease| lease.remaining);
    record(&ledger, end(&ranges[0], erased(5), RecordEnd::Done)).await;
    let delta = met(&[("x", Outcome::Failed, Outcome::Erased)]);
    step(&ledger, &mut ranges[1], delta, 1, "one").await;
    cancel(&ledger, &ranges[1]).await;
    let job = ledger.job(id).await.unwrap().unwrap();
    assert_eq!((job.selected, job.remaining), (11, 0));

    retry(&ledger, id).await;
    let job = ledger.job(id).await.unwrap().unwrap();
    both(&job.stores, &[("erased", 5)]);
    assert_eq!((job.selected, job.remaining), (5, 0));
    // x and the five that were left.
    plan(&ledger, &[6]).await;
    let lease = claim_one(&ledger).await;
    let mut delta = erased(5);
    for (outcome, n) in met(&[("x", Outcome::Erased, Outcome::Absent)]).counts {
        *delta.counts.entry(outcome).or_insert(0) += n;
    }
    delta.items = met(&[("x", Outcome::Erased, Outcome::Absent)]).items;
    record(&ledger, end(&lease, delta, RecordEnd::Done)).await;
    assert_eq!(read_back(&ledger).await, Some(State::Succeeded));
    let job = ledger.job(id).await.unwrap().unwrap();
    both(&job.stores, &[("erased", 11)]);
    assert_eq!((job.selected, job.remaining), (11, 0));
    both(&job.attempts[1].stores, &[("erased", 6)]);
    adds_up(&ledger, 0).await;
}

async fn points_without_a_name_are_counted_by_the_last_attempt(TestLedger { ledger, _dir, .. }: TestLedger) {
    let id = accept(&ledger, subject_job(1)).await;
    for attempt in 1..=2 {
        plan(&ledger, &[0]).await;
        let lease = claim_one(&ledger).await;
        record(&ledger, end(&lease, Delta::default(), RecordEnd::Done)).await;
        let lease = claim_one(&ledger).await;
        let mut delta = Delta {
            selected: 2,
            ..Delta::default()
        };
        delta.count(StoreKind::Vector, Outcome::Unverifiable, 2);
        delta.count(StoreKind::Sql, Outcome::Absent, 2);
        let after = record(&ledger, end(&lease, delta, RecordEnd::Done)).await;
        assert_eq!(ended_as(&after), Some(State::Failed));
        let job = ledger.job(id).await.unwrap().unwrap();
        let expected: BTreeMap<_, _> = [
            ("sql", BTreeMap::from([("absent", 2)])),
            ("vector", BTreeMap::from([("unverifiable", 2)])),
        ]
        .into();
        assert_eq!((counts(&job.stores), job.selected), (expected, 2));
        if attempt == 1 {
            retry(&ledger, id).await;
        }
    }
    adds_up(&ledger, 0).await;
}

async fn earlier_attempts_count_against_what_a_query_may_take(TestLedger { ledger, _dir, .. }: TestLedger) {
    let execution = ExecutionOptions {
        max_memories: Some(10),
        ..ExecutionOptions::default()
    };
    let query = NewJob {
        subject: None,
        query: Some(Filter::All),
        execution,
        ..subject_job(1)
    };
    let id = accept(
        &ledger,
        NewJob {
            partitions: vec![NewPartition {
                work: Work::Query,
                ..query.partitions[0].clone()
            }],
            ..query
        },
    )
    .await;
    plan(&ledger, &[6, 4]).await;
    let mut ranges = claim(&ledger).await;
    ranges.sort_by_key(|lease| lease.remaining);
    assert_eq!(ranges[0].job.max_memories, Some(10));
    record(&ledger, end(&ranges[1], erased(6), RecordEnd::Done)).await;
    cancel(&ledger, &ranges[0]).await;
    retry(&ledger, id).await;
    let lease = claim_one(&ledger).await;
    assert_eq!((lease.kind, lease.job.max_memories), (Kind::Plan, Some(4)));
}
