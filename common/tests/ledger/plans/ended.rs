//! Jobs that end other than by their work, that are retried, and that are forgotten.

use std::slice::from_ref;
use std::time::Duration;

use lethe_common::error_code::ErrorCode;
use lethe_common::job::{JobId, Outcome, StoreKind};
use lethe_common::ledger::{Delta, ItemOutcome, Lease, LeaseCheck, Ledger, RecordEnd, Release, RetryOutcome};
use lethe_common::state::State;

use super::work::{keyed, one, plan, work, work_on};
use super::{list, mapping};
use crate::support::new_job;
use crate::{TestLedger, accept, claim_of, end, forget, record, state, tester};

/// The release of a lease after an error of its store.
fn put_back(lease: &Lease) -> Release {
    Release {
        fence: lease.fence(),
        delay_ms: 0,
        error: Some(ErrorCode::Timeout),
        charged: true,
        alone: true,
    }
}

async fn retry(ledger: &Ledger, id: JobId) {
    assert_eq!(ledger.retry(id, &tester()).await.unwrap(), RetryOutcome::Accepted);
}

/// A cancelled job: a partition that has not begun, one that is given back, and one that had begun.
pub(super) async fn cancelled(ledger: &Ledger) {
    let mapping = mapping();
    let id = accept(ledger, new_job(vec![list(&mapping, 2); 3])).await;
    let leases = claim_of(ledger, from_ref(&mapping)).await;
    let [begun, held, released] = leases.as_slice() else {
        panic!("{} leases", leases.len())
    };
    ledger.release(&[put_back(released)]).await.unwrap();
    let intent = async |lease: &Lease| ledger.intend(&[(lease, "{}".to_owned())]).await.unwrap()[0];
    assert!(matches!(intent(begun).await, LeaseCheck::Proceed(_)));
    for _ in 0..2 {
        ledger.cancel(id, &tester()).await.unwrap();
    }
    assert!(matches!(intent(held).await, LeaseCheck::Cancel(_)));
    ledger.release(&[put_back(held)]).await.unwrap();
    record(ledger, end(begun, Delta::default(), RecordEnd::Cancelled)).await;
    assert_eq!(state(ledger, id).await, State::Cancelled);
}

/// A list of ids whose vector store kept a memory. The retry finds its row absent, and its vector.
pub(super) async fn retried(ledger: &Ledger) {
    let mapping = mapping();
    let id = accept(ledger, new_job(vec![list(&mapping, 3)])).await;
    let of = |sql: Outcome, vector: Outcome| {
        let mut delta = Delta::default();
        for (store, outcome) in [(StoreKind::Sql, sql), (StoreKind::Vector, vector)] {
            delta.count(store, outcome, 1);
            if outcome != Outcome::Erased {
                delta.items.push(ItemOutcome {
                    id: "memory-0".to_owned(),
                    store,
                    outcome: Some(outcome),
                    code: None,
                });
            }
        }
        delta
    };
    let mut delta = of(Outcome::Erased, Outcome::Failed);
    for store in [StoreKind::Sql, StoreKind::Vector] {
        delta.count(store, Outcome::Erased, 2);
    }
    let lease = one(ledger, &mapping).await;
    record(ledger, end(&lease, delta, RecordEnd::Done)).await;
    assert_eq!(state(ledger, id).await, State::Failed);

    retry(ledger, id).await;
    let lease = one(ledger, &mapping).await;
    let found = of(Outcome::Absent, Outcome::Erased);
    record(ledger, end(&lease, found, RecordEnd::Done)).await;
    work(ledger, &mapping).await;
    assert_eq!(state(ledger, id).await, State::Succeeded);
    let again = ledger.retry(id, &tester()).await.unwrap();
    assert_eq!(again, RetryOutcome::NotEnded(State::Succeeded));
}

/// A job by query that failed in the middle of a batch, and is planned anew.
pub(super) async fn planned_anew(ledger: &Ledger) {
    let mapping = mapping();
    let (id, leases) = plan(ledger, &mapping).await;
    ledger.intend(&[(&leases[0], "{}".to_owned())]).await.unwrap();
    for lease in &leases {
        let failed = RecordEnd::Failed(ErrorCode::Rejected);
        record(ledger, end(lease, Delta::default(), failed)).await;
    }
    assert_eq!(state(ledger, id).await, State::Failed);
    retry(ledger, id).await;
    work_on(ledger, &mapping, Vec::new(), 0).await;
}

/// A job whose limit has passed, and one that is found too early.
pub(super) async fn given_up(test: &TestLedger) {
    let (ledger, mapping) = (&test.ledger, mapping());
    let over = accept(ledger, new_job(vec![list(&mapping, 1); 2])).await;
    let early = accept(ledger, new_job(vec![list(&mapping, 1)])).await;
    test.run(format!(
        "UPDATE jobs SET accepted_at = 1, not_before = 1, idle_since = 1 WHERE id = '{over}'"
    ))
    .await;
    test.run(format!("UPDATE jobs SET idle_since = 1 WHERE id = '{early}'"))
        .await;
    assert_eq!(ledger.give_up().await.unwrap().jobs, [over]);
    assert_eq!(state(ledger, over).await, State::Failed);
    work(ledger, &mapping).await;
}

/// A job whose retention has passed, with its key, and an old event.
pub(super) async fn forgotten(test: &TestLedger) {
    let (ledger, mapping) = (&test.ledger, mapping());
    let id = accept(ledger, keyed(vec![list(&mapping, 1)])).await;
    work(ledger, &mapping).await;
    for past in [
        format!("UPDATE jobs SET ended_at = 1 WHERE id = '{id}'"),
        format!("UPDATE idempotency SET created_at = 1 WHERE job_id = '{id}'"),
        format!(
            "UPDATE receipts SET ended_at = 1, body = '{{}}', log_index = (SELECT MAX(log_index) + 1 FROM receipts) WHERE job_id = '{id}'"
        ),
        format!(
            "INSERT INTO audit_events (id, at, act, actor, effect, event) VALUES ('{}', 1, 'pause', 'a', 'done', '{{}}')",
            JobId::new()
        ),
    ] {
        assert_eq!(test.run(past).await, 1);
    }
    let day = Duration::from_hours(24);
    forget(ledger, day, day).await;
    assert!(ledger.job(id).await.unwrap().is_none());
}
