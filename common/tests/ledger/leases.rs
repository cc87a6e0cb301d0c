//! Leases: the partitions that a worker may hold, and when.

use std::time::Duration;

use lethe_common::error_code::ErrorCode;
use lethe_common::job::JobId;
use lethe_common::ledger::{
    After, Delta, Kind, LeaseCheck, NewJob, Record, RecordEnd, Release, RetryOutcome, ThrottleOutcome,
};
use lethe_common::state::State;
use sqlx::Executor;

use crate::support::{new_job, route};
use crate::{TestLedger, accept, claim, claim_one, end, ended_as, erased, finish, ids, record, state, total};

crate::on_both! {
    a_record_with_a_lost_lease_changes_nothing,
    a_release_with_a_lost_lease_changes_no_job,
    a_takeover_is_one_only_when_it_happens,
    the_end_of_a_job_is_told_to_one_of_its_partitions,
    a_record_that_is_repeated_counts_once,
    a_paused_target_is_not_claimed,
    the_pace_of_a_job_is_kept_by_the_ledger,
    time_that_is_made_up_for_is_not_waited_for,
    a_job_takes_over_another_pace,
    a_job_that_nobody_serves_is_given_up,
    a_partition_that_cannot_be_read_fails_and_keeps_nobody_waiting,
    a_job_that_cannot_be_read_fails_and_keeps_nobody_waiting,
}

async fn a_record_with_a_lost_lease_changes_nothing(TestLedger { ledger, _dir, .. }: TestLedger) {
    let id = accept(&ledger, new_job(vec![ids(2)])).await;
    let old = claim_one(&ledger).await;
    assert_eq!(ledger.end_all_leases().await.unwrap(), 1);
    let new = claim_one(&ledger).await;
    assert_eq!(
        (new.rescues, new.alone),
        (1, true),
        "taking over is counted, and runs alone"
    );
    assert!(matches!(
        record(&ledger, end(&old, erased(2), RecordEnd::Done)).await,
        After::Lost
    ));
    assert_eq!(
        ledger.intend(&[(&old, String::new())]).await.unwrap(),
        [LeaseCheck::Lost]
    );
    assert_eq!(ledger.renew(&[old.fence()]).await.unwrap(), [LeaseCheck::Lost]);
    ledger
        .release(&[Release {
            fence: old.fence(),
            delay_ms: 0,
            error: Some(ErrorCode::Timeout),
            charged: true,
            alone: false,
        }])
        .await
        .unwrap();
    assert!(
        claim(&ledger).await.is_empty(),
        "a late release takes nothing from the holder"
    );
    assert!(
        ledger
            .job(id)
            .await
            .unwrap()
            .unwrap()
            .stores
            .iter()
            .all(|store| store.counts.is_empty())
    );
    assert_eq!(ended_as(&finish(&ledger, &new).await), Some(State::Succeeded));
}

async fn a_takeover_is_one_only_when_it_happens(TestLedger { ledger, _dir, .. }: TestLedger) {
    accept(&ledger, new_job(vec![ids(2)])).await;
    assert!(!claim_one(&ledger).await.taken_over);
    assert_eq!(ledger.end_all_leases().await.unwrap(), 1);
    let lease = claim_one(&ledger).await;
    assert!(lease.taken_over);
    let release = Release {
        fence: lease.fence(),
        delay_ms: 0,
        error: Some(ErrorCode::Timeout),
        charged: true,
        alone: false,
    };
    ledger.release(&[release]).await.unwrap();
    let again = claim_one(&ledger).await;
    assert_eq!((again.rescues, again.taken_over), (1, false), "its worker gave it back");
}

async fn the_end_of_a_job_is_told_to_one_of_its_partitions(TestLedger { ledger, _dir, .. }: TestLedger) {
    let id = accept(&ledger, new_job(vec![ids(1), ids(1), ids(1)])).await;
    let (mut leases, mut ends) = (claim(&ledger).await, 0);
    while !leases.is_empty() {
        let records = leases.iter().map(|lease| {
            let delta = match lease.kind {
                Kind::ReadBack => Delta::default(),
                _ => erased(lease.remaining),
            };
            end(lease, delta, RecordEnd::Done)
        });
        let told = ledger.record(&records.collect::<Vec<_>>()).await.unwrap();
        ends += told.iter().filter(|after| ended_as(after).is_some()).count();
        let kept = told.into_iter().filter_map(|after| match after {
            After::ReadBack { lease, .. } => Some(*lease),
            _ => None,
        });
        leases = kept.collect();
        leases.extend(claim(&ledger).await);
    }
    assert_eq!((ends, state(&ledger, id).await), (1, State::Succeeded));
}

async fn a_release_with_a_lost_lease_changes_no_job(TestLedger { ledger, _dir, .. }: TestLedger) {
    let id = accept(&ledger, new_job(vec![ids(2)])).await;
    let old = claim_one(&ledger).await;
    assert_eq!(ledger.end_all_leases().await.unwrap(), 1);
    let new = claim_one(&ledger).await;
    let other = accept(&ledger, new_job(vec![ids(3)])).await;
    let held = claim_one(&ledger).await;
    let version = ledger.job(id).await.unwrap().unwrap().version;
    // One group: the worker lost the first lease, and still has the second.
    let releases = [&old, &held].map(|lease| Release {
        fence: lease.fence(),
        delay_ms: 60_000,
        error: Some(ErrorCode::Timeout),
        charged: true,
        alone: false,
    });
    ledger.release(&releases).await.unwrap();
    let job = ledger.job(id).await.unwrap().unwrap();
    assert_eq!((job.version, job.error_code.as_deref()), (version, None));
    let second = ledger.job(other).await.unwrap().unwrap();
    assert_eq!(second.error_code.as_deref(), Some(ErrorCode::Timeout.as_str()));
    assert_eq!(ended_as(&finish(&ledger, &new).await), Some(State::Succeeded));
}

async fn a_record_that_is_repeated_counts_once(TestLedger { ledger, _dir, .. }: TestLedger) {
    let id = accept(&ledger, new_job(vec![ids(4)])).await;
    let mut lease = claim_one(&ledger).await;
    let step = |lease| Record {
        lease,
        delta: erased(1),
        progress: None,
        remaining: 3,
        end: None,
    };
    assert!(matches!(record(&ledger, step(&lease)).await, After::Continue { .. }));
    // The answer was lost, and the worker repeats the record.
    assert!(matches!(record(&ledger, step(&lease)).await, After::Lost));
    lease.token += 1;
    lease.remaining = 3;
    assert!(matches!(finish(&ledger, &lease).await, After::JobEnded { .. }));
    let job = ledger.job(id).await.unwrap().unwrap();
    assert!(job.stores.iter().all(|store| store.counts["erased"] == 4));
}

async fn a_paused_target_is_not_claimed(TestLedger { ledger, _dir, .. }: TestLedger) {
    for scope in [None, Some("main")] {
        ledger.pause(scope, &crate::tester()).await.unwrap();
        accept(&ledger, new_job(vec![ids(1)])).await;
        assert!(claim(&ledger).await.is_empty());
        ledger.resume(scope, &crate::tester()).await.unwrap();
        let lease = claim_one(&ledger).await;
        ledger.pause(scope, &crate::tester()).await.unwrap();
        assert!(matches!(
            ledger.intend(&[(&lease, String::new())]).await.unwrap()[0],
            LeaseCheck::Pause(_)
        ));
        ledger.resume(scope, &crate::tester()).await.unwrap();
        finish(&ledger, &lease).await;
    }
}

async fn the_pace_of_a_job_is_kept_by_the_ledger(TestLedger { ledger, _dir, .. }: TestLedger) {
    accept(
        &ledger,
        NewJob {
            per_second: Some(10.0),
            ..new_job(vec![ids(100)])
        },
    )
    .await;
    let lease = claim_one(&ledger).await;
    assert!(lease.alone);
    assert_eq!(ledger.reserve(&lease, 600).await.unwrap(), None);
    let wait = ledger
        .reserve(&lease, 1)
        .await
        .unwrap()
        .expect("the next batch waits for the first one's time");
    assert!((1..=60_000).contains(&wait));
    let release = Release {
        fence: lease.fence(),
        delay_ms: 60_000,
        error: None,
        charged: false,
        alone: false,
    };
    ledger.release(&[release]).await.unwrap();
    assert!(claim(&ledger).await.is_empty(), "given back for later");
    assert!((1..=60_000).contains(&ledger.ahead(&[route()]).await.unwrap().due_in_ms.unwrap()));
}

async fn time_that_is_made_up_for_is_not_waited_for(test: TestLedger) {
    let ledger = &test.ledger;
    let paced = NewJob {
        per_second: Some(1_000.0),
        ..new_job(vec![ids(100)])
    };
    let id = accept(ledger, paced).await;
    let lease = claim_one(ledger).await;
    let waited = async || {
        let job = ledger.job(id).await.unwrap().unwrap();
        job.throttled_ms + job.throttled_for_ms
    };
    assert_eq!(ledger.reserve(&lease, 10_000).await.unwrap(), None);
    assert_eq!(waited().await, 10_000);
    // As if no worker had come for a second after that time.
    let pool = sqlx::AnyPool::connect(&test.url).await.unwrap();
    pool.execute("UPDATE jobs SET throttled_till = throttled_till - 11000")
        .await
        .unwrap();
    assert_eq!(ledger.reserve(&lease, 100).await.unwrap(), None);
    assert_eq!(waited().await, 10_000, "a tenth of a second of what was lost");
    assert_eq!(ledger.reserve(&lease, 1_000).await.unwrap(), None);
    assert!(
        (10_001..=10_600).contains(&waited().await),
        "half a second is made up for"
    );
}

async fn a_job_takes_over_another_pace(TestLedger { ledger, _dir, .. }: TestLedger) {
    let id = accept(
        &ledger,
        NewJob {
            per_second: Some(0.5),
            ..new_job(vec![ids(100)])
        },
    )
    .await;
    let mut lease = claim_one(&ledger).await;
    let till = async || ledger.job(id).await.unwrap().unwrap().throttled_for_ms;
    assert_eq!(ledger.reserve(&lease, 30).await.unwrap(), None);
    assert!((55_000..=60_000).contains(&till().await), "30 at one in two seconds");
    // Twice the pace halves the wait. A slower pace counts from the next batch on.
    assert_eq!(
        ledger.throttle(id, Some(1.0), &crate::tester()).await.unwrap(),
        ThrottleOutcome::Accepted
    );
    assert!((25_000..=30_000).contains(&till().await));
    assert_eq!(
        ledger.throttle(id, Some(1e-300), &crate::tester()).await.unwrap(),
        ThrottleOutcome::Accepted
    );
    assert!((25_000..=30_000).contains(&till().await));
    assert!(ledger.throttled(&lease).await.unwrap().is_some());
    assert_eq!(
        ledger.throttle(id, None, &crate::tester()).await.unwrap(),
        ThrottleOutcome::Accepted
    );
    // A worker that still has an older pace need not keep to it.
    assert_eq!(ledger.throttled(&lease).await.unwrap(), None);
    assert_eq!(ledger.reserve(&lease, 1_000_000).await.unwrap(), None);
    assert_eq!(ledger.reserve(&lease, 1_000_000).await.unwrap(), None);
    assert_eq!(
        (till().await, ledger.job(id).await.unwrap().unwrap().per_second),
        (0, None)
    );
    ledger.throttle(id, Some(7.0), &crate::tester()).await.unwrap();
    let step = Record {
        lease: &lease,
        delta: erased(10),
        progress: None,
        remaining: 90,
        end: None,
    };
    let After::Continue {
        until,
        cancelling,
        per_second,
    } = record(&ledger, step).await
    else {
        panic!("it goes on")
    };
    assert_eq!(per_second, Some(7.0));
    lease.goes_on(until, cancelling, per_second);
    assert_eq!(lease.job.per_second, Some(7.0));
    lease.remaining = 90;
    ledger.cancel(id, &crate::tester()).await.unwrap();
    record(&ledger, end(&lease, Delta::default(), RecordEnd::Cancelled)).await;
    assert_eq!(
        ledger.throttle(id, None, &crate::tester()).await.unwrap(),
        ThrottleOutcome::Ended(State::Cancelled)
    );
    assert_eq!(
        ledger.throttle(JobId::new(), None, &crate::tester()).await.unwrap(),
        ThrottleOutcome::Unknown
    );
}

async fn a_job_that_nobody_serves_is_given_up(test: TestLedger) {
    let id = accept(&test.ledger, new_job(vec![ids(3), ids(4)])).await;
    assert_eq!(test.ledger.give_up().await.unwrap().jobs, [], "not before its time");
    let impatient = test.giving_up_after(Duration::ZERO);
    assert_eq!(impatient.give_up().await.unwrap().jobs, [id]);
    let job = test.ledger.job(id).await.unwrap().unwrap();
    assert_eq!(
        (job.state, job.error_code.as_deref(), job.remaining),
        (State::Failed, Some("unserved"), 0)
    );
    assert!(job.stores.iter().all(|store| store.counts["failed"] == 7));
    assert_eq!(
        test.ledger.retry(id, &crate::tester()).await.unwrap(),
        RetryOutcome::Accepted
    );
}

async fn a_partition_that_cannot_be_read_fails_and_keeps_nobody_waiting(test: TestLedger) {
    unreadable_fails(&test, "UPDATE partitions SET work = '{\"of a later version\": 1}'").await;
}

async fn a_job_that_cannot_be_read_fails_and_keeps_nobody_waiting(test: TestLedger) {
    unreadable_fails(&test, "UPDATE jobs SET subject = 'not JSON'").await;
}

/// Makes a job unreadable, and accepts another one. Asserts that only the unreadable one fails.
async fn unreadable_fails(test: &TestLedger, spoil: &'static str) {
    let ledger = &test.ledger;
    let spoilt = accept(ledger, new_job(vec![ids(3)])).await;
    test.run(spoil).await;
    let fine = accept(ledger, new_job(vec![ids(3)])).await;

    let lease = claim_one(ledger).await;
    assert_eq!(lease.job.id, fine);
    finish(ledger, &lease).await;
    // The lease may expire several times, since a worker of a newer version might read the job.
    for _ in 0..2 {
        assert_eq!(state(ledger, spoilt).await, State::Running);
        ledger.end_all_leases().await.unwrap();
        assert!(claim(ledger).await.is_empty());
    }

    assert_eq!(state(ledger, spoilt).await, State::Failed);
    assert_eq!(
        ledger.job(spoilt).await.unwrap().unwrap().error_code.as_deref(),
        Some("corrupt")
    );
    assert_eq!(total(ledger, "ended", "failed").await, 1);
    assert_eq!(total(ledger, "memories", "failed").await, 3);
}
