//! Jobs by query: planned, kept to a snapshot, counted and forgotten like other jobs.

use std::time::Duration;

use lethe_common::error_code::ErrorCode;
use lethe_common::filter::{Filter, Path, Scalar};
use lethe_common::job::{JobId, Outcome, StoreKind};
use lethe_common::ledger::{
    After, CancelOutcome, Delta, ItemOutcome, Kind, Lease, Ledger, NewJob, NewPartition, Record, RecordEnd,
    RetryOutcome, Snapshot, Warning, WarningCode, Work,
};
use lethe_common::state::State;

use crate::support::new_job;
use crate::{TestLedger, accept, claim, claim_one, end, ended_as, erased, forget, ids, record, total};

crate::on_both! {
    a_query_is_planned_and_its_snapshot_goes_with_every_part,
    a_job_is_no_better_than_the_least_of_its_snapshots,
    a_retry_plans_anew_with_another_snapshot,
    a_retry_of_a_query_that_matched_nothing_plans_first,
    what_a_query_leaves_adds_up,
    a_filter_is_forgotten_with_the_rest,
    memories_that_changed_are_remembered,
    what_is_worth_knowing_is_said_once_and_until_it_is_tried_again,
    points_that_changed_are_remembered,
    what_a_plan_listed_is_read_back_and_listed_anew_by_a_retry,
}

fn filter() -> Filter {
    Filter::OneOf {
        path: Path::column("user_id"),
        values: vec![Scalar::from("a-name-in-a-filter")],
    }
}

fn plan() -> NewPartition {
    NewPartition {
        kind: Kind::Plan,
        alias: 0,
        work: Work::Query,
        remaining: 0,
        ..ids(0)
    }
}

fn job(plans: usize) -> NewJob {
    NewJob {
        query: Some(filter()),
        ..new_job(vec![plan(); plans])
    }
}

fn range(n: usize) -> NewPartition {
    NewPartition {
        work: Work::Range {
            after: None,
            through: None,
        },
        ..ids(n)
    }
}

fn planned(ranges: &[usize], snapshot: Option<Snapshot>) -> Delta {
    Delta {
        selected: i64::try_from(ranges.iter().sum::<usize>()).unwrap(),
        planned: ranges.iter().map(|n| range(*n)).collect(),
        snapshot,
        ..Delta::default()
    }
}

fn until(bound: &str) -> Snapshot {
    Snapshot::CreatedAt(bound.to_owned())
}

async fn finish_plan(ledger: &Ledger, lease: &Lease, delta: Delta) {
    record(ledger, end(lease, delta, RecordEnd::Done)).await;
}

async fn snapshot(ledger: &Ledger, id: JobId) -> Option<String> {
    ledger.job(id).await.unwrap().unwrap().snapshot
}

async fn a_query_is_planned_and_its_snapshot_goes_with_every_part(TestLedger { ledger, _dir, .. }: TestLedger) {
    let id = accept(&ledger, job(1)).await;
    let mut lease = claim_one(&ledger).await;
    assert!(lease.job.query.as_deref() == Some(&filter()));
    assert!(lease.alone && lease.snapshot.is_none());
    let first = Record {
        lease: &lease,
        delta: planned(&[3], Some(until("5"))),
        progress: Some("further".to_owned()),
        remaining: 0,
        end: None,
    };
    let After::Continue {
        until,
        cancelling,
        per_second,
    } = record(&ledger, first).await
    else {
        panic!("the plan goes on")
    };
    lease.goes_on(until, cancelling, per_second);
    // Another worker takes over in the middle of the plan.
    ledger.end_all_leases().await.unwrap();
    let lease = claim_one(&ledger).await;
    assert_eq!(lease.snapshot.as_deref(), Some("5"));
    finish_plan(&ledger, &lease, planned(&[4], None)).await;
    let seen = ledger.job(id).await.unwrap().unwrap();
    assert_eq!((seen.kind.as_str(), seen.selected), ("query", 7));
    assert_eq!(seen.snapshot.as_deref(), Some("created_at"));

    let mut back = Vec::new();
    for lease in claim(&ledger).await {
        assert_eq!(lease.snapshot.as_deref(), Some("5"));
        assert!(lease.alone, "a query shares no call");
        record(&ledger, end(&lease, erased(lease.remaining), RecordEnd::Done)).await;
    }
    back.extend(claim(&ledger).await);
    assert_eq!(back.len(), 1, "the query is read back as a whole");
    assert!(back[0].kind == Kind::ReadBack && back[0].work == Work::Query);
    assert_eq!(back[0].snapshot.as_deref(), Some("5"));
    let residue = RecordEnd::Residue { n: 2, progress: None };
    record(&ledger, end(&back[0], Delta::default(), residue)).await;
    let again = claim_one(&ledger).await;
    assert_eq!((again.kind, again.snapshot.as_deref()), (Kind::Erase, Some("5")));
    let After::ReadBack { lease: last, .. } = record(&ledger, end(&again, erased(2), RecordEnd::Done)).await else {
        panic!("its worker reads it back")
    };
    assert_eq!(last.snapshot.as_deref(), Some("5"));
    let after = record(&ledger, end(&last, Delta::default(), RecordEnd::Done)).await;
    assert_eq!(ended_as(&after), Some(State::Succeeded));
    assert_eq!(total(&ledger, "selected", "").await, 9);
    assert_eq!(total(&ledger, "memories", "erased").await, 9);
}

async fn a_job_is_no_better_than_the_least_of_its_snapshots(TestLedger { ledger, _dir, .. }: TestLedger) {
    for snapshots in [
        [Some(until("5")), Some(Snapshot::Batch)],
        [Some(Snapshot::Batch), Some(until("5"))],
    ] {
        let id = accept(&ledger, job(2)).await;
        assert_eq!(snapshot(&ledger, id).await, None);
        for (lease, said) in claim(&ledger).await.iter().zip(snapshots) {
            finish_plan(&ledger, lease, planned(&[1], said)).await;
        }
        assert_eq!(snapshot(&ledger, id).await.as_deref(), Some("batch"));
        let mut bounds: Vec<Option<String>> = claim(&ledger).await.into_iter().map(|lease| lease.snapshot).collect();
        bounds.sort();
        assert_eq!(bounds, [None, Some("5".to_owned())], "each table keeps its own");
        ledger.cancel(id, &crate::tester()).await.unwrap();
    }
}

async fn a_retry_plans_anew_with_another_snapshot(TestLedger { ledger, _dir, .. }: TestLedger) {
    let id = accept(&ledger, job(1)).await;
    let lease = claim_one(&ledger).await;
    finish_plan(&ledger, &lease, planned(&[2], Some(until("5")))).await;
    let lease = claim_one(&ledger).await;
    record(
        &ledger,
        end(&lease, Delta::default(), RecordEnd::Failed(ErrorCode::Rejected)),
    )
    .await;
    assert_eq!(
        ledger.retry(id, &crate::tester()).await.unwrap(),
        RetryOutcome::Accepted
    );
    assert_eq!(snapshot(&ledger, id).await, None);
    let lease = claim_one(&ledger).await;
    assert!(lease.kind == Kind::Plan && lease.work == Work::Query && lease.snapshot.is_none());
    assert!(lease.job.query.is_some());
}

async fn a_retry_of_a_query_that_matched_nothing_plans_first(TestLedger { ledger, _dir, .. }: TestLedger) {
    let id = accept(&ledger, job(1)).await;
    let lease = claim_one(&ledger).await;
    let nothing = Delta {
        planned: vec![ids(0)],
        ..planned(&[], Some(until("5")))
    };
    finish_plan(&ledger, &lease, nothing).await;
    let lease = claim_one(&ledger).await;
    record(&ledger, end(&lease, Delta::default(), RecordEnd::Done)).await;
    let lease = claim_one(&ledger).await;
    assert!(lease.kind == Kind::ReadBack && lease.work == Work::Query);
    record(
        &ledger,
        end(&lease, Delta::default(), RecordEnd::Failed(ErrorCode::Rejected)),
    )
    .await;
    assert_eq!(
        ledger.retry(id, &crate::tester()).await.unwrap(),
        RetryOutcome::Accepted
    );
    let lease = claim_one(&ledger).await;
    assert!(lease.kind == Kind::Plan && lease.work == Work::Query);
}

async fn what_a_query_leaves_adds_up(TestLedger { ledger, _dir, .. }: TestLedger) {
    // A job that is cancelled after its plan, whose memories had not counted as selected.
    let id = accept(&ledger, job(1)).await;
    let lease = claim_one(&ledger).await;
    finish_plan(&ledger, &lease, planned(&[5, 6], Some(until("5")))).await;
    assert_eq!(total(&ledger, "selected", "").await, 0);
    assert!(matches!(
        ledger.cancel(id, &crate::tester()).await.unwrap(),
        CancelOutcome::Cancelled(end) if end.id == id
    ));
    assert_eq!(total(&ledger, "selected", "").await, 11);
    assert_eq!(total(&ledger, "memories", "left").await, 11);
    // A job beyond its limit.
    let limited = NewJob {
        limit: Some(3),
        ..job(1)
    };
    let id = accept(&ledger, limited).await;
    let lease = claim_one(&ledger).await;
    finish_plan(&ledger, &lease, planned(&[4], Some(until("5")))).await;
    let seen = ledger.job(id).await.unwrap().unwrap();
    assert_eq!(
        (seen.state, seen.error_code.as_deref()),
        (State::Failed, Some("limit_exceeded"))
    );
    assert_eq!(total(&ledger, "selected", "").await, 15);
    // A job that fails in the middle.
    accept(&ledger, job(1)).await;
    let lease = claim_one(&ledger).await;
    finish_plan(&ledger, &lease, planned(&[7], Some(until("5")))).await;
    let lease = claim_one(&ledger).await;
    record(
        &ledger,
        end(&lease, Delta::default(), RecordEnd::Failed(ErrorCode::Rejected)),
    )
    .await;
    assert_eq!(total(&ledger, "selected", "").await, 22);
    assert_eq!(total(&ledger, "memories", "failed").await, 7);
}

async fn a_filter_is_forgotten_with_the_rest(test: TestLedger) {
    let ledger = &test.ledger;
    let id = accept(ledger, job(1)).await;
    let kept = "UPDATE jobs SET query = query WHERE query LIKE '%a-name-in-a-filter%'";
    assert_eq!(test.run(kept).await, 1);
    ledger.cancel(id, &crate::tester()).await.unwrap();
    let day = Duration::from_hours(24);
    forget(ledger, Duration::ZERO, day).await;
    assert_eq!(
        test.run("UPDATE jobs SET query = query WHERE query IS NOT NULL").await,
        0
    );
    assert_eq!(
        ledger.retry(id, &crate::tester()).await.unwrap(),
        RetryOutcome::Forgotten
    );
}

async fn memories_that_changed_are_remembered(TestLedger { ledger, _dir, .. }: TestLedger) {
    accept(&ledger, job(1)).await;
    let lease = claim_one(&ledger).await;
    finish_plan(&ledger, &lease, planned(&[3], Some(until("5")))).await;
    let lease = claim_one(&ledger).await;
    let mut delta = Delta::default();
    for (id, store, outcome) in [
        ("a", StoreKind::Sql, Outcome::Conflicted),
        ("b", StoreKind::Vector, Outcome::Conflicted),
        ("c", StoreKind::Sql, Outcome::Absent),
    ] {
        delta.count(store, outcome, 1);
        delta.items.push(ItemOutcome {
            id: id.to_owned(),
            store,
            outcome: Some(outcome),
            code: None,
        });
    }
    record(&ledger, end(&lease, delta, RecordEnd::Done)).await;
    let asked = ["a", "b", "c", "d"].map(str::to_owned);
    let changed = ledger.conflicted(&lease, &asked).await.unwrap();
    assert_eq!(changed.into_iter().collect::<Vec<_>>(), ["a"]);
}

async fn what_is_worth_knowing_is_said_once_and_until_it_is_tried_again(TestLedger { ledger, _dir, .. }: TestLedger) {
    let id = accept(&ledger, job(3)).await;
    let warnings = async || ledger.job(id).await.unwrap().unwrap().warnings;
    assert!(warnings().await.is_empty());
    let leases = claim(&ledger).await;
    let warned = || Delta {
        warning: Some(WarningCode::FullScan),
        ..planned(&[1], None)
    };
    // Two warnings in one transaction, and one in another.
    let records = [&leases[0], &leases[1]].map(|lease| end(lease, warned(), RecordEnd::Done));
    ledger.record(&records).await.unwrap();
    finish_plan(&ledger, &leases[2], warned()).await;
    let route = &leases[0].route;
    let warning = Warning {
        code: WarningCode::FullScan,
        target: Some(route.target.clone()),
        table: Some(route.table.clone()),
    };
    assert_eq!(warnings().await.into_iter().collect::<Vec<_>>(), [warning]);

    for lease in claim(&ledger).await {
        record(
            &ledger,
            end(&lease, Delta::default(), RecordEnd::Failed(ErrorCode::Rejected)),
        )
        .await;
    }
    assert_eq!(
        ledger.retry(id, &crate::tester()).await.unwrap(),
        RetryOutcome::Accepted
    );
    assert!(warnings().await.is_empty());
}

fn listed(n: usize) -> NewPartition {
    NewPartition {
        work: Work::Listed((0..n).map(|n| n.to_string()).collect()),
        stores: vec![StoreKind::Vector],
        ..ids(n)
    }
}

fn listing(lists: &[usize]) -> Delta {
    Delta {
        planned: lists.iter().map(|n| listed(*n)).collect(),
        ..planned(&[], Some(Snapshot::Plan))
    }
}

async fn points_that_changed_are_remembered(TestLedger { ledger, _dir, .. }: TestLedger) {
    accept(&ledger, job(1)).await;
    let lease = claim_one(&ledger).await;
    finish_plan(&ledger, &lease, listing(&[1])).await;
    let lease = claim_one(&ledger).await;
    let mut delta = Delta::default();
    delta.count(StoreKind::Vector, Outcome::Conflicted, 1);
    delta.items.push(ItemOutcome {
        id: "0".to_owned(),
        store: StoreKind::Vector,
        outcome: Some(Outcome::Conflicted),
        code: None,
    });
    record(&ledger, end(&lease, delta, RecordEnd::Done)).await;
    let changed = ledger.conflicted(&lease, &["0", "1"].map(str::to_owned)).await.unwrap();
    assert_eq!(changed.into_iter().collect::<Vec<_>>(), ["0"]);
}

async fn what_a_plan_listed_is_read_back_and_listed_anew_by_a_retry(TestLedger { ledger, _dir, .. }: TestLedger) {
    let id = accept(&ledger, job(1)).await;
    let lease = claim_one(&ledger).await;
    finish_plan(&ledger, &lease, listing(&[2, 1])).await;
    assert_eq!(snapshot(&ledger, id).await.as_deref(), Some("plan"));
    let leases = claim(&ledger).await;
    assert_eq!(leases.len(), 2);
    assert!(leases.iter().all(|lease| lease.snapshot.is_none()));
    record(&ledger, end(&leases[0], Delta::default(), RecordEnd::Done)).await;
    let After::ReadBack { lease: last, .. } = record(&ledger, end(&leases[1], Delta::default(), RecordEnd::Done)).await
    else {
        panic!("its worker reads it back")
    };
    let mut back = claim(&ledger).await;
    back.push(*last);
    assert!(back.iter().all(|lease| lease.kind == Kind::ReadBack));
    let lists = back.iter().filter(|lease| matches!(lease.work, Work::Listed(_)));
    assert_eq!((lists.count(), back.len()), (2, 3));
    for lease in &back {
        record(
            &ledger,
            end(lease, Delta::default(), RecordEnd::Failed(ErrorCode::Rejected)),
        )
        .await;
    }
    assert_eq!(
        ledger.retry(id, &crate::tester()).await.unwrap(),
        RetryOutcome::Accepted
    );
    let lease = claim_one(&ledger).await;
    assert!(lease.kind == Kind::Plan && lease.work == Work::Query);
    finish_plan(&ledger, &lease, listing(&[1])).await;
    assert_eq!(claim(&ledger).await.len(), 1, "the lists of the first attempt are gone");
}
