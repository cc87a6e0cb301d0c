//! Every accepted job ends, within its own limit. Time passes by moving the ledger's timestamps into the past.

mod clock;
mod unreadable;

use lethe_common::error_code::ErrorCode;
use lethe_common::job::JobId;
use lethe_common::ledger::{
    After, Delta, GivenUp, Lease, LeaseCheck, Ledger, Record, RecordEnd, Release, RetryOutcome, Route, WorkerReport,
};
use lethe_common::state::State;
use serde_json::{Value, json};

use crate::support::{new_job, route};
use crate::{TestLedger, accept, claim, claim_one, end, ended_as, erased, finish, ids, record, state, total};

crate::on_both! {
    jobs_that_wait_behind_one_that_is_tried_end_by_their_own_limit,
    a_purge_of_days_survives_a_short_outage,
    a_limit_does_not_begin_again_with_failures,
    a_partition_that_runs_is_left_to_its_worker,
    a_batch_that_has_begun_fails_with_its_partition_and_is_finished_by_the_next_attempt,
    what_a_dead_worker_held_is_given_up_too,
    a_cancelled_job_whose_store_stays_down_ends,
    what_has_not_begun_of_a_cancelled_job_is_left,
    a_retry_begins_a_new_limit,
    the_error_says_why_a_job_was_given_up,
    a_long_queue_ends_in_steps,
    a_large_job_ends_in_steps,
}

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;

/// Gives up jobs until no more are due, and returns them.
async fn give_up(ledger: &Ledger) -> Vec<JobId> {
    let mut jobs = Vec::new();
    for _ in 0..100 {
        let GivenUp { jobs: some, more, .. } = ledger.give_up().await.unwrap();
        jobs.extend(some);
        if !more {
            jobs.sort_unstable();
            jobs.dedup();
            return jobs;
        }
    }
    panic!("it goes on for ever");
}

/// Reports a worker, and the health of its stores.
async fn report(ledger: &Ledger, routes: Vec<Route>, targets: Value) {
    let report = WorkerReport {
        name: "w".to_owned(),
        version: "1",
        slots: 1,
        routes,
        siblings: Vec::new(),
        targets,
        claimed: false,
    };
    ledger.report_worker(&report).await.unwrap();
}

async fn put_back(ledger: &Ledger, lease: &Lease, error: &str) {
    let release = Release {
        fence: lease.fence(),
        delay_ms: 0,
        error: Some(error.parse().unwrap()),
        charged: true,
        alone: true,
    };
    ledger.release(&[release]).await.unwrap();
}

async fn error_code(ledger: &Ledger, id: JobId) -> Option<String> {
    let code = ledger.job(id).await.unwrap().unwrap().error_code;
    code.map(String::from)
}

/// Records one memory. Returns whether the partition goes on.
async fn step(ledger: &Ledger, lease: &mut Lease) -> bool {
    let remaining = lease.remaining - 1;
    let one = Record {
        lease,
        delta: erased(1),
        progress: None,
        remaining,
        end: None,
    };
    match record(ledger, one).await {
        After::Continue {
            until,
            cancelling,
            per_second,
        } => {
            lease.goes_on(until, cancelling, per_second);
            lease.remaining = remaining;
            true
        }
        _ => false,
    }
}

async fn jobs_that_wait_behind_one_that_is_tried_end_by_their_own_limit(test: TestLedger) {
    let ledger = &test.ledger;
    let mut first = Vec::new();
    for _ in 0..60 {
        first.push(accept(ledger, new_job(vec![ids(2)])).await);
    }
    let leases = claim(ledger).await;
    let releases: Vec<Release> = leases
        .iter()
        .map(|lease| Release {
            fence: lease.fence(),
            delay_ms: 0,
            error: (lease.job.id == first[0]).then_some(ErrorCode::Timeout),
            charged: lease.job.id == first[0],
            alone: true,
        })
        .collect();
    ledger.release(&releases).await.unwrap();
    test.pass(59 * MINUTE).await;
    report(ledger, vec![route()], json!({})).await;
    let later = accept(ledger, new_job(vec![ids(2)])).await;
    assert_eq!(give_up(ledger).await, [], "none before its limit");

    test.pass(2 * MINUTE).await;
    assert_eq!(give_up(ledger).await, first);
    for id in &first {
        assert_eq!(state(ledger, *id).await, State::Failed);
        assert_eq!(error_code(ledger, *id).await.as_deref(), Some("timeout"));
    }
    assert_eq!(total(ledger, "ended", "failed").await, 60);
    assert_eq!(total(ledger, "memories", "failed").await, 120);
    test.pass(57 * MINUTE).await;
    assert_eq!(give_up(ledger).await, [], "the later one has all of its limit");
    assert_eq!(ledger.backlog().await.unwrap(), 1);
    test.pass(2 * MINUTE).await;
    assert_eq!(give_up(ledger).await, [later]);
    assert_eq!(ledger.backlog().await.unwrap(), 0);
    assert_eq!(give_up(ledger).await, []);
}

async fn a_purge_of_days_survives_a_short_outage(test: TestLedger) {
    let ledger = &test.ledger;
    let id = accept(ledger, new_job(vec![ids(150), ids(1)])).await;
    let mut leases = claim(ledger).await;
    leases.sort_by_key(|lease| lease.ordinal);
    // The other partition has waited all the time, and meets the store only when it is down.
    put_back(ledger, &leases[1], "timeout").await;
    // Four days.
    for _ in 0..120 {
        test.pass(48 * MINUTE).await;
        assert!(step(ledger, &mut leases[0]).await);
        assert_eq!(give_up(ledger).await, []);
    }
    put_back(ledger, &leases[0], "unavailable").await;
    test.pass(50 * MINUTE).await;
    assert_eq!(give_up(ledger).await, []);
    for lease in claim(ledger).await {
        assert!(!matches!(finish(ledger, &lease).await, After::Lost));
    }
    for lease in claim(ledger).await {
        finish(ledger, &lease).await;
    }
    assert_eq!(state(ledger, id).await, State::Succeeded);
}

async fn a_limit_does_not_begin_again_with_failures(test: TestLedger) {
    let ledger = &test.ledger;
    let id = accept(ledger, new_job(vec![ids(3), ids(3)])).await;
    for n in 0..5 {
        for lease in claim(ledger).await {
            if n == 2 && lease.ordinal == 0 {
                // A permanent failure is no progress.
                record(
                    ledger,
                    end(&lease, Delta::default(), RecordEnd::Failed(ErrorCode::Rejected)),
                )
                .await;
            } else {
                put_back(ledger, &lease, "unavailable").await;
            }
        }
        assert_eq!(give_up(ledger).await, [], "{n}");
        test.pass(13 * MINUTE).await;
    }
    assert_eq!(give_up(ledger).await, [id]);
}

async fn a_partition_that_runs_is_left_to_its_worker(test: TestLedger) {
    let ledger = &test.ledger;
    let id = accept(ledger, new_job(vec![ids(3), ids(4)])).await;
    test.pass(61 * MINUTE).await;
    report(ledger, vec![route()], json!({})).await;
    let mut leases = claim(ledger).await;
    leases.sort_by_key(|lease| lease.ordinal);
    put_back(ledger, &leases[1], "busy").await;
    assert_eq!(give_up(ledger).await, [id]);
    assert_eq!(state(ledger, id).await, State::Running, "one of it runs");
    assert_eq!(give_up(ledger).await, [], "it is not asked for over and over");
    put_back(ledger, &leases[0], "busy").await;
    test.pass(MINUTE).await;
    assert_eq!(give_up(ledger).await, [id]);
    let job = ledger.job(id).await.unwrap().unwrap();
    assert_eq!((job.state, job.error_code.as_deref()), (State::Failed, Some("busy")));
    assert!(job.stores.iter().all(|store| store.counts["failed"] == 7), "{job:?}");

    // A partition that goes on has its limit from its last record.
    let id = accept(ledger, new_job(vec![ids(3)])).await;
    test.pass(61 * MINUTE).await;
    let mut lease = claim_one(ledger).await;
    assert_eq!(give_up(ledger).await, []);
    assert!(step(ledger, &mut lease).await);
    put_back(ledger, &lease, "busy").await;
    test.pass(58 * MINUTE).await;
    assert_eq!(give_up(ledger).await, []);
    finish(ledger, &claim_one(ledger).await).await;
    assert_eq!(state(ledger, id).await, State::Succeeded);
}

async fn a_batch_that_has_begun_fails_with_its_partition_and_is_finished_by_the_next_attempt(test: TestLedger) {
    let ledger = &test.ledger;
    let id = accept(ledger, new_job(vec![ids(5)])).await;
    let mut lease = claim_one(ledger).await;
    assert!(step(ledger, &mut lease).await);
    let intents = [(&lease, "two of them".to_owned())];
    assert!(matches!(
        ledger.intend(&intents).await.unwrap()[0],
        LeaseCheck::Proceed(_)
    ));
    put_back(ledger, &lease, "unavailable").await;
    test.pass(61 * MINUTE).await;
    report(ledger, vec![route()], json!({})).await;
    assert_eq!(give_up(ledger).await, [id]);
    let job = ledger.job(id).await.unwrap().unwrap();
    assert_eq!((job.state, job.selected, job.remaining), (State::Failed, 5, 0));
    for store in &job.stores {
        assert_eq!((store.counts["erased"], store.counts["failed"]), (1, 4), "{job:?}");
    }
    assert_eq!(total(ledger, "selected", "").await, 5);
    assert_eq!(total(ledger, "memories", "failed").await, 4);
    assert_eq!(
        ledger.retry(id, &crate::tester()).await.unwrap(),
        RetryOutcome::Accepted
    );
    let again = claim_one(ledger).await;
    assert_eq!((again.intent.as_deref(), again.remaining), (Some("two of them"), 4));
}

async fn what_a_dead_worker_held_is_given_up_too(test: TestLedger) {
    let ledger = &test.ledger;
    let id = accept(ledger, new_job(vec![ids(2)])).await;
    let lease = claim_one(ledger).await;
    // No worker takes it over, since the breakers of the others are open.
    test.pass(61 * MINUTE).await;
    report(
        ledger,
        vec![route()],
        json!({"main": {"stores": {"sql": {"up": false, "code": "unavailable"}}}}),
    )
    .await;
    assert_eq!(give_up(ledger).await, [id]);
    assert_eq!(error_code(ledger, id).await.as_deref(), Some("unavailable"));
    let after = record(ledger, end(&lease, erased(2), RecordEnd::Done)).await;
    assert!(matches!(after, After::Lost), "{after:?}");
    assert_eq!(total(ledger, "memories", "failed").await, 2);
    assert_eq!(total(ledger, "memories", "erased").await, 0);
}

async fn a_cancelled_job_whose_store_stays_down_ends(test: TestLedger) {
    let ledger = &test.ledger;
    let id = accept(ledger, new_job(vec![ids(5)])).await;
    let lease = claim_one(ledger).await;
    ledger.intend(&[(&lease, "all of them".to_owned())]).await.unwrap();
    put_back(ledger, &lease, "timeout").await;
    ledger.cancel(id, &crate::tester()).await.unwrap();
    assert_eq!(state(ledger, id).await, State::Cancelling);
    test.pass(61 * MINUTE).await;
    assert_eq!(give_up(ledger).await, [id]);
    assert_eq!(state(ledger, id).await, State::Cancelled);
    assert_eq!(total(ledger, "memories", "failed").await, 5);
}

async fn what_has_not_begun_of_a_cancelled_job_is_left(test: TestLedger) {
    let ledger = &test.ledger;
    let id = accept(ledger, new_job(vec![ids(5), ids(3)])).await;
    let mut leases = claim(ledger).await;
    leases.sort_by_key(|lease| lease.ordinal);
    ledger.intend(&[(&leases[1], "all of them".to_owned())]).await.unwrap();
    ledger.cancel(id, &crate::tester()).await.unwrap();
    // Their worker dies.
    test.pass(61 * MINUTE).await;
    assert_eq!(give_up(ledger).await, [id]);
    assert_eq!(state(ledger, id).await, State::Cancelled);
    assert_eq!(total(ledger, "memories", "left").await, 5);
    assert_eq!(total(ledger, "memories", "failed").await, 3);
}

async fn a_retry_begins_a_new_limit(test: TestLedger) {
    let ledger = &test.ledger;
    let id = accept(ledger, new_job(vec![ids(1)])).await;
    for _ in 0..2 {
        test.pass(59 * MINUTE).await;
        assert_eq!(give_up(ledger).await, []);
        test.pass(2 * MINUTE).await;
        assert_eq!(give_up(ledger).await, [id]);
        assert_eq!(
            ledger.retry(id, &crate::tester()).await.unwrap(),
            RetryOutcome::Accepted
        );
    }
    let lease = claim_one(ledger).await;
    assert_eq!(ended_as(&finish(ledger, &lease).await), Some(State::Succeeded));
}

async fn the_error_says_why_a_job_was_given_up(test: TestLedger) {
    let ledger = &test.ledger;
    let down = |code: &str| json!({"main": {"stores": {"vector": {"up": false, "code": code}}}, "x": 1});
    let up = json!({"main": {"stores": {"vector": {"up": true, "code": null}}}});
    for (routes, health, met, code) in [
        (vec![], json!({}), None, "unserved"),
        (vec![], json!({}), Some("timeout"), "unserved"),
        (vec![route()], up.clone(), Some("timeout"), "timeout"),
        (vec![route()], down("unauthorized"), Some("timeout"), "timeout"),
        (vec![route()], down("unauthorized"), None, "unauthorized"),
        (vec![route()], down("never heard of"), None, "expired"),
        (vec![route()], up, None, "expired"),
    ] {
        let id = accept(ledger, new_job(vec![ids(1)])).await;
        if let Some(met) = met {
            put_back(ledger, &claim_one(ledger).await, met).await;
        }
        test.pass(61 * MINUTE).await;
        report(ledger, routes, health.clone()).await;
        assert_eq!(give_up(ledger).await, [id]);
        assert_eq!(error_code(ledger, id).await.as_deref(), Some(code), "{health} {met:?}");
    }
}

async fn a_long_queue_ends_in_steps(test: TestLedger) {
    let ledger = &test.ledger;
    let jobs = (0..1_200).map(|_| new_job(vec![ids(1)]));
    let accepted = futures::future::join_all(jobs.map(|job| ledger.accept(job))).await;
    assert!(accepted.iter().all(Result::is_ok));
    // The first sweep finds them too early, and corrects their times.
    test.pass(50 * MINUTE).await;
    ledger.pause(None, &crate::tester()).await.unwrap();
    test.pass(HOUR).await;
    ledger.resume(None, &crate::tester()).await.unwrap();
    assert_eq!(give_up(ledger).await, []);
    assert_eq!(ledger.give_up().await.unwrap(), GivenUp::default());

    test.pass(11 * MINUTE).await;
    let (mut steps, mut ended) = (Vec::new(), 0);
    loop {
        let step = ledger.give_up().await.unwrap();
        ended += step.ended.len();
        steps.push(step.jobs.len());
        if !step.more {
            break;
        }
    }
    assert_eq!((steps.iter().sum::<usize>(), ended), (1_200, 1_200));
    assert!(steps.iter().all(|n| *n <= 500), "{steps:?}");
    assert_eq!(total(ledger, "ended", "failed").await, 1_200);
    assert_eq!(total(ledger, "memories", "failed").await, 1_200);
    assert_eq!(ledger.backlog().await.unwrap(), 0);
}

async fn a_large_job_ends_in_steps(test: TestLedger) {
    let ledger = &test.ledger;
    let id = accept(ledger, new_job(vec![ids(1); 2_500])).await;
    test.pass(61 * MINUTE).await;
    assert_eq!(
        ledger.give_up().await.unwrap(),
        GivenUp {
            jobs: vec![id],
            more: true,
            ..GivenUp::default()
        }
    );
    assert_eq!(ledger.job(id).await.unwrap().unwrap().remaining, 500);
    assert_eq!(give_up(ledger).await, [id]);
    let job = ledger.job(id).await.unwrap().unwrap();
    assert_eq!((job.state, job.remaining), (State::Failed, 0));
    assert_eq!(total(ledger, "memories", "failed").await, 2_500);
}
