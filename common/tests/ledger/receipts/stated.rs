//! What receipts state, and what they do not.

use std::time::Duration;

use lethe_common::job::{Field, JobId, StoreKind, Subject};
use lethe_common::ledger::{
    After, Delta, ExecutionOptions, Kind, Ledger, Marks, NewJob, NewPartition, RecordEnd, Work,
};
use lethe_common::receipt::Time;
use lethe_common::receipt::body::Place;
use lethe_common::receipt::fingerprint::FingerprintKey;
use sqlx::{AnyPool, Row};

use super::{end_one, receipt, statement, texts};
use crate::support::new_job;
use crate::{TestLedger, accept, claim_one, end, erased, forget, ids, record, state, tester};

crate::on_both! {
    a_receipt_states_the_request_the_counts_and_the_times,
    a_receipt_names_no_memory_and_no_person,
    the_operator_finds_a_person_with_the_key_until_it_is_forgotten,
    an_upload_has_the_fingerprint_of_all_its_ids,
    a_long_reference_and_many_tables_fit,
}

/// Returns a job about a person with several names.
fn of_ana() -> NewJob {
    let subject = Subject {
        user_id: Some("ana-secret".to_owned()),
        aliases: vec!["ana@secret.example".to_owned()],
        workspace: Some("workspace-secret".to_owned()),
        ..Subject::default()
    };
    let plan = NewPartition {
        kind: Kind::Plan,
        work: Work::Subject,
        remaining: 0,
        ..ids(0)
    };
    NewJob {
        target: Some("main".to_owned()),
        subject: Some(subject),
        execution: ExecutionOptions {
            marks: Marks {
                reference: Some("DSR-4711".to_owned()),
                ..Marks::default()
            },
            ..ExecutionOptions::default()
        },
        places: vec![Place {
            target: "main".to_owned(),
            table: "memories".to_owned(),
            collection: Some("points".to_owned()),
        }],
        ..new_job(vec![plan])
    }
}

/// Plans three memories of the person, erases them and reads them back.
async fn erase_ana(ledger: &Ledger) -> JobId {
    let id = accept(ledger, of_ana()).await;
    let delta = Delta {
        selected: 3,
        planned: vec![ids(3)],
        ..Delta::default()
    };
    end_one(ledger, delta, RecordEnd::Done).await;
    while !state(ledger, id).await.is_ended() {
        let lease = claim_one(ledger).await;
        let mut delta = erased(lease.remaining);
        delta.dependents.insert("turns".to_owned(), lease.remaining * 2);
        if let After::ReadBack { lease, .. } = record(ledger, end(&lease, delta, RecordEnd::Done)).await {
            record(ledger, end(&lease, Delta::default(), RecordEnd::Done)).await;
        }
    }
    id
}

async fn a_receipt_states_the_request_the_counts_and_the_times(test: TestLedger) {
    let ledger = &test.ledger;
    let id = erase_ana(ledger).await;
    let job = ledger.job(id).await.unwrap().unwrap();
    let body = statement(ledger, id).await;
    assert_eq!((body.version, body.job.attempt, body.job.ending), (1, 1, 1));
    assert_eq!(body.request.reference.as_deref(), Some("DSR-4711"));
    let digits = key(&test, id).await.unwrap();
    let fingerprints = FingerprintKey::parse(&digits).unwrap();
    assert_eq!(body.request.asked_by, Some(fingerprints.caller("tests")));
    assert_eq!(body.selection.places, of_ana().places);
    assert_eq!(body.selection.persons.len(), 3, "two names and a workspace");
    for store in &body.stores {
        assert_eq!(store.counts["erased"], 3);
        let turns = store.dependents.get("turns").copied();
        assert_eq!(turns, (store.store == StoreKind::Sql).then_some(6));
    }
    let times = [body.times.accepted, body.times.completed].map(Time::millis);
    assert_eq!(times, [job.accepted_at, job.ended_at.unwrap()]);
    assert_eq!(body.times.started.map(Time::millis), job.started_at);
    assert_eq!(
        body.times.received, body.times.accepted,
        "the request names no other time"
    );
    assert_eq!(body.ran_by.len(), 1, "one worker");
    assert_eq!(body.status.drop, Some(3));
    assert_eq!(body.removal.logical, Some(body.times.completed));
    // The same statement each time that it is made.
    assert_eq!(texts(ledger).await, texts(ledger).await);
}

async fn a_receipt_names_no_memory_and_no_person(test: TestLedger) {
    let ledger = &test.ledger;
    erase_ana(ledger).await;
    let mut by_ids = new_job(vec![ids(1)]);
    (by_ids.owner, by_ids.workspace) = (Some("owner-secret".to_owned()), Some("workspace-secret".to_owned()));
    accept(ledger, by_ids).await;
    end_one(ledger, erased(1), RecordEnd::Gone).await;
    let mut said = texts(ledger).await;
    assert_eq!(said.len(), 2);
    let pool = AnyPool::connect(&test.url).await.unwrap();
    for row in sqlx::query("SELECT facts, counts, workers FROM receipts")
        .fetch_all(&pool)
        .await
        .unwrap()
    {
        said.extend((0..3_usize).map(|n| row.get::<String, _>(n)));
    }
    pool.close().await;
    for text in said {
        for clear in ["secret", "memory-0", "\"w\""] {
            // The facts name workers until they are signed.
            if clear != "\"w\"" || text.contains("receipt_id") {
                assert!(!text.contains(clear), "{clear}: {text}");
            }
        }
    }
}

/// Reads the key of a job.
async fn key(test: &TestLedger, id: JobId) -> Option<String> {
    let pool = AnyPool::connect(&test.url).await.unwrap();
    let sql = format!("SELECT fingerprint_key FROM jobs WHERE id = '{id}'");
    let found = sqlx::query(sqlx::AssertSqlSafe(sql)).fetch_one(&pool).await.unwrap();
    pool.close().await;
    found.get(0)
}

async fn the_operator_finds_a_person_with_the_key_until_it_is_forgotten(test: TestLedger) {
    let ledger = &test.ledger;
    let id = erase_ana(ledger).await;
    let body = statement(ledger, id).await;
    let digits = key(&test, id).await.unwrap();
    let fingerprints = FingerprintKey::parse(&digits).unwrap();
    for (field, value) in [
        (Field::User, "ana-secret"),
        (Field::User, "ana@secret.example"),
        (Field::Workspace, "workspace-secret"),
    ] {
        assert!(
            body.selection.persons.contains(&fingerprints.person(field, value)),
            "{value}"
        );
    }
    assert_eq!(body.ran_by, [fingerprints.worker("w")]);
    let other = accept(ledger, of_ana()).await;
    assert_ne!(
        key(&test, other).await.unwrap(),
        digits,
        "each job has a key of its own"
    );

    forget(ledger, Duration::ZERO, Duration::from_hours(24)).await;
    assert_eq!(key(&test, id).await, None);
    let after = statement(ledger, id).await;
    assert_eq!(
        after.selection.persons, body.selection.persons,
        "the receipt stays as it is"
    );
    assert!(after.ran_by.is_empty(), "nobody can compute it any more");
    assert_eq!(after.request.asked_by, None);
    // The receipt outlives its job.
    forget(ledger, Duration::ZERO, Duration::ZERO).await;
    assert!(ledger.job(id).await.unwrap().is_none());
    assert_eq!(receipt(ledger, id).await.principal, "tests");
    statement(ledger, id).await;
}

async fn an_upload_has_the_fingerprint_of_all_its_ids(test: TestLedger) {
    let ledger = &test.ledger;
    let mut job = new_job(Vec::new());
    job.target = Some("main".to_owned());
    let begun = ledger.begin_upload(&job, &ids(1)).await.unwrap();
    let mut upload = begun.unwrap();
    assert_eq!(key(&test, job.id).await, None, "it is made at the end");
    for _ in 0..2 {
        ledger.append(&mut upload, &[ids(2)]).await.unwrap();
    }
    let id = ledger.finish_upload(upload, "").await.unwrap();
    assert!(key(&test, id).await.is_some());
    ledger.cancel(id, &tester()).await.unwrap();
    let body = statement(ledger, id).await;
    assert!(body.request.hash.starts_with("hmac-sha256:"));
    assert_eq!(
        receipt(ledger, id).await.targets.into_iter().collect::<Vec<_>>(),
        ["main"]
    );
}

async fn a_long_reference_and_many_tables_fit(test: TestLedger) {
    let ledger = &test.ledger;
    let mut job = new_job((0..1_000).map(|_| ids(1)).collect());
    for (n, partition) in job.partitions.iter_mut().enumerate() {
        partition.route.table = format!("table-{n}");
    }
    job.execution.marks.reference = Some("\"\\ü".repeat(300));
    job.places = (0..1_000)
        .map(|n| Place {
            target: "main".to_owned(),
            table: format!("table-{n}").repeat(20),
            collection: None,
        })
        .collect();
    let id = accept(ledger, job).await;
    ledger.cancel(id, &tester()).await.unwrap();
    let body = statement(ledger, id).await;
    assert_eq!((body.stores.len(), body.selection.places.len()), (2, 1_000));
    assert_eq!(body.request.reference, Some("\"\\ü".repeat(300)));
}
