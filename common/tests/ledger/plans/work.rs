//! Jobs from their acceptance to their end.

use std::slice::from_ref;

use lethe_common::filter::Filter;
use lethe_common::job::{JobId, Outcome, StoreKind};
use lethe_common::ledger::{
    Accepted, After, Delta, ExecutionOptions, ExtendOutcome, Idempotency, ItemCursor, ItemOutcome, Kind, Lease,
    LeaseCheck, Ledger, NewJob, NewPartition, Record, RecordEnd, Route, Snapshot, Spelling, Work,
};
use lethe_common::receipt::ExtensionReason;
use lethe_common::selection::Selection;
use lethe_common::state::State;

use super::{list, mapping};
use crate::support::new_job;
use crate::{TestLedger, accept, claim_of, end, ended_as, erased, record, state, tester};

/// Claims the only due partition of a mapping.
pub(super) async fn one(ledger: &Ledger, mapping: &Route) -> Lease {
    let mut leases = claim_of(ledger, from_ref(mapping)).await;
    assert_eq!(leases.len(), 1);
    leases.remove(0)
}

/// Erases and reads back the partitions of these leases, and then all others of the mapping. The first `residue`
/// partitions that are read back still have a memory.
pub(super) async fn work_on(ledger: &Ledger, mapping: &Route, mut open: Vec<Lease>, mut residue: usize) {
    loop {
        let Some(lease) = open.pop() else {
            open = claim_of(ledger, from_ref(mapping)).await;
            if open.is_empty() {
                return;
            }
            continue;
        };
        let (delta, how) = match lease.kind {
            Kind::ReadBack if residue > 0 => {
                residue -= 1;
                (Delta::default(), RecordEnd::Residue { n: 1, progress: None })
            }
            Kind::ReadBack => (Delta::default(), RecordEnd::Done),
            _ => (erased(lease.remaining), RecordEnd::Done),
        };
        if let After::ReadBack { lease, .. } = record(ledger, end(&lease, delta, how)).await {
            open.push(*lease);
        }
    }
}

/// Does the same as [`work_on`] with all due partitions of a mapping, and finds no residue.
pub(super) async fn work(ledger: &Ledger, mapping: &Route) {
    work_on(ledger, mapping, Vec::new(), 0).await;
}

/// Returns a job with an idempotency key.
pub(super) fn keyed(partitions: Vec<NewPartition>) -> NewJob {
    NewJob {
        idempotency: Some(Idempotency {
            key: JobId::new().to_string(),
            fingerprint: "f".to_owned(),
        }),
        ..new_job(partitions)
    }
}

/// Accepts a job by query, plans three partitions, and claims them.
pub(super) async fn plan(ledger: &Ledger, mapping: &Route) -> (JobId, Vec<Lease>) {
    let plan = NewPartition {
        kind: Kind::Plan,
        work: Work::Query,
        remaining: 0,
        ..list(mapping, 0)
    };
    let job = NewJob {
        query: Some(Filter::All),
        execution: ExecutionOptions {
            slices: Some(2),
            ..ExecutionOptions::default()
        },
        ..new_job(vec![plan])
    };
    let id = accept(ledger, job).await;
    let lease = one(ledger, mapping).await;
    let range = NewPartition {
        work: Work::Range {
            after: None,
            through: None,
        },
        ..list(mapping, 2)
    };
    let delta = Delta {
        selected: 6,
        planned: vec![range; 3],
        snapshot: Some(Snapshot::Batch),
        ..Delta::default()
    };
    record(ledger, end(&lease, delta, RecordEnd::Done)).await;
    let leases = claim_of(ledger, from_ref(mapping)).await;
    assert_eq!(leases.len(), 3);
    (id, leases)
}

/// Records a memory, an item and a dependent row, after which the partition goes on.
async fn step(ledger: &Ledger, lease: &mut Lease) {
    let mut delta = erased(1);
    delta.items.push(ItemOutcome {
        id: "memory-0".to_owned(),
        store: StoreKind::Sql,
        outcome: Some(Outcome::Absent),
        code: None,
    });
    delta.dependents.insert("turns".to_owned(), 1);
    let open = Record {
        lease,
        delta,
        progress: Some("{}".to_owned()),
        remaining: lease.remaining - 1,
        end: None,
    };
    let After::Continue {
        until,
        cancelling,
        per_second,
    } = record(ledger, open).await
    else {
        panic!("the partition goes on")
    };
    lease.goes_on(until, cancelling, per_second);
    lease.remaining -= 1;
}

/// Jobs that end with their only record, and jobs of two mappings that are claimed together.
pub(super) async fn small(ledger: &Ledger) {
    let own = mapping();
    for n in [0, 1] {
        accept(ledger, new_job(vec![list(&own, n + 1)])).await;
        let lease = one(ledger, &own).await;
        let mut delta = erased(1);
        for store in [StoreKind::Sql, StoreKind::Vector] {
            delta.count(store, Outcome::Absent, n as u64);
            delta.items.extend((0..n).map(|_| ItemOutcome {
                id: "memory-1".to_owned(),
                store,
                outcome: Some(Outcome::Absent),
                code: None,
            }));
        }
        let after = record(ledger, end(&lease, delta, RecordEnd::Gone)).await;
        assert_eq!(ended_as(&after), Some(State::Succeeded));
    }

    let two = [own, mapping()];
    for mapping in &two {
        accept(ledger, new_job(vec![list(mapping, 1)])).await;
    }
    let leases = claim_of(ledger, &two).await;
    assert_eq!(leases.len(), 2);
    work_on(ledger, &two[0], leases, 0).await;
}

/// Repeated requests: by their key, and by their unfinished job.
pub(super) async fn accepted(ledger: &Ledger) {
    let mapping = mapping();
    let job = keyed(vec![list(&mapping, 1)]);
    let first = accept(ledger, job.clone()).await;
    let again = NewJob {
        id: JobId::new(),
        ..job
    };
    assert_eq!(ledger.made_before(&again).await.unwrap(), Some(first));
    assert_eq!(ledger.accept(again).await.unwrap(), Accepted::Replay(first));

    let request = JobId::new().to_string();
    let repeatable = || NewJob {
        request: Some(request.clone()),
        ..new_job(vec![list(&mapping, 1)])
    };
    let first = accept(ledger, repeatable()).await;
    assert_eq!(ledger.made_before(&repeatable()).await.unwrap(), Some(first));
    assert_eq!(ledger.accept(repeatable()).await.unwrap(), Accepted::Replay(first));
    ledger.owe(first).await.unwrap();
    work(ledger, &mapping).await;
    let next = accept(ledger, repeatable()).await;
    assert_eq!(ledger.owed_before(next).await.unwrap(), Some(first));
    ledger.heard(next).await.unwrap();
    work(ledger, &mapping).await;
    assert_eq!(state(ledger, next).await, State::Succeeded);
}

/// Uploads: one with repeated ids, one that breaks off, and one whose sender is silent.
pub(super) async fn uploaded(test: &TestLedger) {
    let (ledger, mapping) = (&test.ledger, mapping());
    let job = keyed(Vec::new());
    let begun = ledger.begin_upload(&job, &list(&mapping, 1)).await.unwrap();
    let mut upload = begun.expect("the key is new");
    let parts = [list(&mapping, 3), list(&mapping, 3), list(&mapping, 4)];
    ledger.append(&mut upload, &parts).await.unwrap();
    ledger.drop_repeats(&mut upload, Spelling::Text).await.unwrap();
    assert_eq!(upload.selected(), 4);
    let id = ledger.finish_upload(upload, "f").await.unwrap();
    let key = job.idempotency.as_ref().expect("it has a key");
    assert_eq!(ledger.replayed(&job.scope, key).await.unwrap(), Accepted::Replay(id));
    assert_eq!(ledger.first_ids(id, 3).await.unwrap().ids.len(), 3);
    work(ledger, &mapping).await;
    assert_eq!(state(ledger, id).await, State::Succeeded);

    let uploading = async || {
        let job = new_job(Vec::new());
        let begun = ledger.begin_upload(&job, &list(&mapping, 1)).await.unwrap();
        (job.id, begun.expect("it has no key"))
    };
    let (_, broken) = uploading().await;
    ledger.abort_upload(broken).await.unwrap();
    let (silent, _upload) = uploading().await;
    test.run(format!("UPDATE jobs SET touched_at = 1 WHERE id = '{silent}'"))
        .await;
    assert_eq!(ledger.drop_abandoned_uploads().await.unwrap(), 1);
}

/// A job by query: its plan, its batches, two rounds of reading back, and its views.
pub(super) async fn planned(ledger: &Ledger) {
    let mapping = mapping();
    let (id, mut leases) = plan(ledger, &mapping).await;
    for lease in &mut leases {
        let begun = ledger.intend(&[(&*lease, "{}".to_owned())]).await.unwrap();
        assert!(matches!(begun[..], [LeaseCheck::Proceed(_)]));
        ledger.renew(&[lease.fence()]).await.unwrap();
        step(ledger, lease).await;
    }
    let asked = ["memory-0".to_owned()];
    let found = ledger
        .recorded(&leases[0], Outcome::Absent, StoreKind::Sql, &asked)
        .await;
    assert_eq!(found.unwrap().len(), 1);
    work_on(ledger, &mapping, leases, 2).await;
    assert_eq!(state(ledger, id).await, State::Succeeded);

    ledger.ahead(from_ref(&mapping)).await.unwrap();
    assert!(ledger.small_job(id).await.unwrap().is_some());
    assert_eq!(ledger.jobs_of(&[id]).await.unwrap().len(), 1);
    assert_eq!(ledger.slices(&[id]).await.unwrap().len(), 1);
    assert_eq!(ledger.aims(&[id]).await.unwrap().len(), 1);
    ledger.course(id).await.unwrap();
    assert!(ledger.first_ids(id, 3).await.unwrap().ids.is_empty());
    assert!(ledger.filter(id).await.unwrap().is_some());
    let items = ledger.items(id, "absent", ItemCursor::default(), 10).await.unwrap();
    assert_eq!(items.len(), 3);
    ledger.erased_as_vectors_only(id).await.unwrap();
    assert!(ledger.forget_task(id, &tester()).await.unwrap());
}

/// A job with a rate limit, which is changed.
pub(super) async fn kept_to_a_pace(ledger: &Ledger) {
    let mapping = mapping();
    let job = NewJob {
        per_second: Some(1.0),
        ..new_job(vec![list(&mapping, 3)])
    };
    let id = accept(ledger, job).await;
    let lease = one(ledger, &mapping).await;
    assert_eq!(ledger.reserve(&lease, 1_000).await.unwrap(), None);
    assert!(ledger.reserve(&lease, 1).await.unwrap().is_some());
    ledger.throttle(id, Some(2.0), &tester()).await.unwrap();
    let reason = ExtensionReason::Complexity;
    assert_eq!(
        ledger.extend(id, 1, reason, &tester()).await.unwrap(),
        ExtendOutcome::NoDeadline
    );
    work_on(ledger, &mapping, vec![lease], 0).await;
    // It has ended.
    ledger.throttle(id, None, &tester()).await.unwrap();
}

/// A dry run, and another one that is cancelled and retried.
pub(super) async fn previewed(ledger: &Ledger) {
    let mapping = mapping();
    let look = NewPartition {
        kind: Kind::Preview,
        ..list(&mapping, 3)
    };
    let job = || NewJob {
        dry_run: true,
        ..new_job(vec![look.clone()])
    };
    for is_retried in [false, true] {
        let id = accept(ledger, job()).await;
        if is_retried {
            ledger.cancel(id, &tester()).await.unwrap();
            ledger.retry(id, &tester()).await.unwrap();
        }
        let lease = one(ledger, &mapping).await;
        let found = Record {
            remaining: 0,
            ..end(
                &lease,
                Delta {
                    found: Some(Selection::default()),
                    ..Delta::default()
                },
                RecordEnd::Done,
            )
        };
        record(ledger, found).await;
        assert_eq!(state(ledger, id).await, State::Succeeded);
    }
}

/// A partition that this version cannot read fails.
pub(super) async fn unreadable(test: &TestLedger) {
    let (ledger, mapping) = (&test.ledger, mapping());
    let id = accept(ledger, new_job(vec![list(&mapping, 1)])).await;
    test.run(format!(
        "UPDATE partitions SET work = '{{\"of a later version\": 1}}', rescues = 2 WHERE job_id = '{id}'"
    ))
    .await;
    assert!(claim_of(ledger, from_ref(&mapping)).await.is_empty());
    assert_eq!(state(ledger, id).await, State::Failed);
}
