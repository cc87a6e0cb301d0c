//! Every way in which a job ends leaves one receipt.

use lethe_common::error_code::ErrorCode;
use lethe_common::job::{JobId, Outcome, StoreKind};
use lethe_common::ledger::{
    After, Delta, ExecutionOptions, ItemOutcome, Ledger, NewJob, RecordEnd, Release, WarningCode,
};
use lethe_common::state::State;

use super::{end_one, receipt, statement};
use crate::support::new_job;
use crate::{TestLedger, accept, claim, claim_one, end, erased, finish, ids, record, state, subject_job, tester};

crate::on_both! {
    each_ending_leaves_one_receipt,
    a_success_after_which_memories_stayed_is_no_deletion,
}

/// Returns the results of a memory with an outcome in both stores.
fn met(outcome: Outcome) -> Delta {
    let mut delta = Delta::default();
    for store in [StoreKind::Sql, StoreKind::Vector] {
        delta.count(store, outcome, 1);
    }
    delta.items.push(ItemOutcome {
        id: "memory-0".to_owned(),
        store: StoreKind::Sql,
        outcome: Some(outcome),
        code: None,
    });
    delta
}

/// A way in which a job ends.
#[derive(Debug, Clone, Copy)]
enum End {
    Gone,
    ReadBack,
    NothingFound,
    Failed,
    MemoryFailed,
    Residue,
    LimitExceeded,
    Mistyped,
    Conflict,
    CancelledBefore,
    CancelledDuring,
    GivenBack,
    GivenUp,
    Unreadable,
}

const ENDS: [(End, State); 14] = [
    (End::Gone, State::Succeeded),
    (End::ReadBack, State::Succeeded),
    (End::NothingFound, State::Succeeded),
    (End::Failed, State::Failed),
    (End::MemoryFailed, State::Failed),
    (End::Residue, State::Failed),
    (End::LimitExceeded, State::Failed),
    (End::Mistyped, State::Failed),
    (End::Conflict, State::Failed),
    (End::CancelledBefore, State::Cancelled),
    (End::CancelledDuring, State::Cancelled),
    (End::GivenBack, State::Cancelled),
    (End::GivenUp, State::Failed),
    (End::Unreadable, State::Failed),
];

/// Ends a job in this way.
async fn ended(test: &TestLedger, how: End) -> JobId {
    let ledger = &test.ledger;
    let by_ids = || new_job(vec![ids(1)]);
    let job = match how {
        End::LimitExceeded => NewJob {
            limit: Some(1),
            ..subject_job(1)
        },
        End::Mistyped => subject_job(1),
        End::Conflict => NewJob {
            execution: ExecutionOptions {
                aborts: true,
                ..ExecutionOptions::default()
            },
            ..by_ids()
        },
        _ => by_ids(),
    };
    let id = accept(ledger, job).await;
    let cancel = async || {
        ledger.cancel(id, &tester()).await.unwrap();
    };
    match how {
        End::Gone => end_one(ledger, erased(1), RecordEnd::Gone).await,
        End::NothingFound => end_one(ledger, met(Outcome::Absent), RecordEnd::Gone).await,
        End::ReadBack => drop(finish(ledger, &claim_one(ledger).await).await),
        End::Failed => end_one(ledger, Delta::default(), RecordEnd::Failed(ErrorCode::Rejected)).await,
        End::MemoryFailed => end_one(ledger, met(Outcome::Failed), RecordEnd::Done).await,
        End::Conflict => end_one(ledger, met(Outcome::Conflicted), RecordEnd::Done).await,
        End::LimitExceeded => {
            let delta = Delta {
                selected: 5,
                planned: vec![ids(5)],
                ..Delta::default()
            };
            end_one(ledger, delta, RecordEnd::Done).await;
        }
        End::Mistyped => {
            let delta = Delta {
                warning: Some(WarningCode::Mistyped),
                ..Delta::default()
            };
            end_one(ledger, delta, RecordEnd::Done).await;
        }
        End::Residue => residue(ledger, id).await,
        End::CancelledBefore => cancel().await,
        End::CancelledDuring => {
            let lease = claim_one(ledger).await;
            cancel().await;
            record(ledger, end(&lease, Delta::default(), RecordEnd::Cancelled)).await;
        }
        End::GivenBack => {
            let lease = claim_one(ledger).await;
            cancel().await;
            let release = Release {
                fence: lease.fence(),
                delay_ms: 0,
                error: None,
                charged: false,
                alone: false,
            };
            ledger.release(&[release]).await.unwrap();
        }
        End::GivenUp => {
            test.pass(61 * 60 * 1000).await;
            while ledger.give_up().await.unwrap().more {}
        }
        End::Unreadable => {
            let spoil = format!("UPDATE partitions SET work = '?', rescues = 2 WHERE job_id = '{id}'");
            test.run(spoil).await;
            assert!(claim(ledger).await.is_empty());
        }
    }
    id
}

/// Finds residue until no round is left.
async fn residue(ledger: &Ledger, id: JobId) {
    while !state(ledger, id).await.is_ended() {
        let lease = claim_one(ledger).await;
        let n = lease.remaining;
        let After::ReadBack { lease, .. } = record(ledger, end(&lease, erased(n), RecordEnd::Done)).await else {
            panic!("it is read back by its worker")
        };
        let found = RecordEnd::Residue { n: 1, progress: None };
        record(ledger, end(&lease, Delta::default(), found)).await;
    }
}

async fn each_ending_leaves_one_receipt(test: TestLedger) {
    let ledger = &test.ledger;
    for (how, expected) in ENDS {
        let id = ended(&test, how).await;
        assert_eq!(state(ledger, id).await, expected, "{how:?}");
        let row = receipt(ledger, id).await;
        assert_eq!((row.state, row.ending), (expected, 1), "{how:?}");
        assert_eq!((row.log_index, row.is_forgotten), (None, false), "{how:?}");
        let job = ledger.job(id).await.unwrap().unwrap();
        assert_eq!(Some(row.ended_at), job.ended_at, "{how:?}");
        let body = statement(ledger, id).await;
        assert_eq!(body.receipt_id, row.id, "{how:?}");
        // The counts of the statement are those of the job.
        let counts = body.stores.iter().map(|store| (store.store, &store.counts));
        let shown = job.stores.iter().map(|store| (store.store, &store.counts));
        assert_eq!(counts.collect::<Vec<_>>(), shown.collect::<Vec<_>>(), "{how:?}");
        test.run(format!("DELETE FROM receipts WHERE job_id = '{id}'")).await;
    }
}

async fn a_success_after_which_memories_stayed_is_no_deletion(test: TestLedger) {
    let ledger = &test.ledger;
    let id = accept(ledger, new_job(vec![ids(2)])).await;
    let mut delta = met(Outcome::Conflicted);
    for store in [StoreKind::Sql, StoreKind::Vector] {
        delta.count(store, Outcome::Erased, 1);
    }
    let lease = claim_one(ledger).await;
    if let After::ReadBack { lease, .. } = record(ledger, end(&lease, delta, RecordEnd::Done)).await {
        record(ledger, end(&lease, Delta::default(), RecordEnd::Done)).await;
    }
    assert_eq!(state(ledger, id).await, State::Succeeded);
    let body = statement(ledger, id).await;
    for store in &body.stores {
        assert_eq!((store.counts["erased"], store.counts["conflicted"]), (1, 1));
    }
    assert_eq!((body.status.drop, body.removal.logical), (None, None));
}
