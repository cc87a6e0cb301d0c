//! Accepting jobs, and their keys and uploads.

use lethe_common::ledger::{
    Accepted, After, Delta, Idempotency, Kind, LeaseCheck, NewJob, RecordEnd, Scope, Unfinished, probe_of,
};
use lethe_common::state::State;

use crate::support::new_job;
use crate::{TestLedger, accept, claim, claim_one, end, ended_as, erased, ids, record, state, subject_job, total};

crate::on_both! {
    an_accepted_job_is_claimed_recorded_and_read_back,
    a_key_that_is_used_again_answers_with_the_same_job,
    jobs_accepted_at_once_are_all_there,
    an_upload_that_was_swept_takes_no_more_ids,
    the_unfinished_jobs_of_a_caller_and_their_ids_are_counted,
}

async fn an_accepted_job_is_claimed_recorded_and_read_back(TestLedger { ledger, _dir, .. }: TestLedger) {
    let id = accept(&ledger, new_job(vec![ids(3)])).await;
    assert_eq!(state(&ledger, id).await, State::Queued);
    let lease = claim_one(&ledger).await;
    assert!(lease.job.first && lease.kind == Kind::Erase && !lease.alone);
    assert!(claim(&ledger).await.is_empty(), "a lease is exclusive");
    assert_eq!(state(&ledger, id).await, State::Running);
    let go = ledger.intend(&[(&lease, "intent".to_owned())]).await.unwrap();
    assert!(matches!(go[0], LeaseCheck::Proceed(_)));
    let After::ReadBack { lease: back, .. } = record(&ledger, end(&lease, erased(3), RecordEnd::Done)).await else {
        panic!("the last partition is read back by its worker")
    };
    assert_eq!(
        (state(&ledger, id).await, back.kind),
        (State::Verifying, Kind::ReadBack)
    );
    let after = record(&ledger, end(&back, Delta::default(), RecordEnd::Done)).await;
    assert_eq!(ended_as(&after), Some(State::Succeeded));
    let job = ledger.job(id).await.unwrap().unwrap();
    assert_eq!((job.selected, job.remaining), (3, 0));
    assert!(job.stores.iter().all(|store| store.counts["erased"] == 3) && job.stores.len() == 2);
}

async fn a_key_that_is_used_again_answers_with_the_same_job(TestLedger { ledger, _dir, .. }: TestLedger) {
    let with_key = |fingerprint: &str| {
        let key = Idempotency {
            key: "k".to_owned(),
            fingerprint: fingerprint.to_owned(),
        };
        NewJob {
            idempotency: Some(key),
            ..new_job(vec![ids(1)])
        }
    };
    let made_before = async |fingerprint: &str| ledger.made_before(&with_key(fingerprint)).await.unwrap();
    assert_eq!(made_before("a").await, None);
    let id = accept(&ledger, with_key("a")).await;
    assert_eq!((made_before("a").await, made_before("b").await), (Some(id), None));
    assert_eq!(ledger.accept(with_key("a")).await.unwrap(), Accepted::Replay(id));
    assert_eq!(ledger.accept(with_key("b")).await.unwrap(), Accepted::Conflict);
    let elsewhere = NewJob {
        scope: Scope {
            principal: "others".to_owned(),
            route: "/v1/jobs",
        },
        ..with_key("b")
    };
    accept(&ledger, elsewhere).await;
    assert_eq!(claim(&ledger).await.len(), 2);
}

async fn jobs_accepted_at_once_are_all_there(TestLedger { ledger, _dir, .. }: TestLedger) {
    let all = (0..300).map(|_| {
        let ledger = ledger.clone();
        tokio::spawn(async move { accept(&ledger, new_job(vec![ids(1)])).await })
    });
    let ids = futures::future::join_all(all).await;
    for id in ids {
        assert_eq!(state(&ledger, id.unwrap()).await, State::Queued);
    }
    assert_eq!(total(&ledger, "accepted", "").await, 300);
    assert_eq!(ledger.backlog().await.unwrap(), 300);
}

async fn an_upload_that_was_swept_takes_no_more_ids(test: TestLedger) {
    let ledger = &test.ledger;
    let mut upload = ledger
        .begin_upload(&new_job(Vec::new()), &ids(1))
        .await
        .unwrap()
        .unwrap();
    ledger.append(&mut upload, &[ids(2)]).await.unwrap();
    assert_eq!(test.run("UPDATE jobs SET touched_at = 0").await, 1);
    assert_eq!(ledger.drop_abandoned_uploads().await.unwrap(), 1);
    assert!(ledger.append(&mut upload, &[ids(3)]).await.is_err());
    assert_eq!(test.run("DELETE FROM partitions").await, 0, "no id stays behind");
}

async fn the_unfinished_jobs_of_a_caller_and_their_ids_are_counted(test: TestLedger) {
    let ledger = &test.ledger;
    let of_tests = async || ledger.unfinished_of("tests", 100, || ()).await.unwrap();
    assert_eq!(of_tests().await, Unfinished::default());
    let first = accept(ledger, new_job(vec![ids(3), ids(2)])).await;
    let elsewhere = NewJob {
        scope: Scope {
            principal: "others".to_owned(),
            route: "/v1/jobs",
        },
        ..new_job(vec![ids(7)])
    };
    accept(ledger, elsewhere).await;
    accept(ledger, subject_job(2)).await;
    // Memories that a plan finds are no ids, and no record changes the ids that a request lists.
    test.run("UPDATE jobs SET selected = 9").await;
    assert_eq!(of_tests().await, Unfinished { jobs: 2, ids: 5 });
    let upload = ledger.begin_upload(&new_job(Vec::new()), &ids(1)).await.unwrap();
    let mut upload = upload.unwrap();
    for more in [4, 1] {
        ledger.append(&mut upload, &[ids(more)]).await.unwrap();
    }
    assert_eq!(of_tests().await, Unfinished { jobs: 3, ids: 10 });
    ledger.finish_upload(upload, "").await.unwrap();
    assert_eq!(of_tests().await, Unfinished { jobs: 3, ids: 10 });
    ledger.cancel(first, &crate::tester()).await.unwrap();
    assert_eq!(of_tests().await, Unfinished { jobs: 2, ids: 5 });
    // The API looks for others with jobs of another name.
    for caller in ["tests", "others"] {
        let probe = NewJob {
            scope: Scope {
                principal: probe_of(caller),
                route: "/v1/jobs",
            },
            ..new_job(vec![ids(1)])
        };
        accept(ledger, probe).await;
    }
    assert_eq!(of_tests().await, Unfinished { jobs: 3, ids: 6 });
    let bounded = ledger.unfinished_of("tests", 1, || ()).await.unwrap();
    assert_eq!(bounded.jobs, 2, "one of its jobs, and one probe");
}
