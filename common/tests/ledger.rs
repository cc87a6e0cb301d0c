//! The ledger on real databases: always SQLite, and PostgreSQL at `LETHE_TEST_POSTGRES_URL`.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::time::Duration;

use lethe_common::job::{JobId, Outcome, StoreKind, Subject};
use lethe_common::ledger::{
    Accepted, After, CancelOutcome, Claim, Delta, Go, Idempotency, Kind, Lease, Ledger, LedgerOptions, NewJob,
    NewPartition, Record, RecordEnd, Release, RetryOutcome, Route, Scope, Work,
};
use lethe_common::state::State;
use sqlx::{AssertSqlSafe, Executor};
use support::new_job;

/// A ledger of its own for a test.
struct TestLedger {
    ledger: Ledger,
    url: String,
    _dir: tempfile::TempDir,
}

impl TestLedger {
    /// Opens it once more, with another time after which failures are given up.
    fn giving_up_after(&self, give_up_after: Duration) -> Ledger {
        Ledger::open(LedgerOptions {
            give_up_after,
            ..options(self.url.clone(), LEASE)
        })
        .unwrap()
    }

    /// Runs a statement past the ledger.
    async fn run(&self, sql: &'static str) -> u64 {
        let pool = sqlx::AnyPool::connect(&self.url).await.unwrap();
        let done = pool.execute(sql).await.unwrap();
        pool.close().await;
        done.rows_affected()
    }
}

fn options(url: String, lease: Duration) -> LedgerOptions {
    LedgerOptions {
        url: url.into(),
        max_connections: 4,
        lease,
        max_rounds: 2,
        give_up_after: Duration::from_hours(1),
        rescues: 2,
    }
}

async fn on_sqlite(lease: Duration) -> TestLedger {
    let dir = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}?mode=rwc", dir.path().join("ledger.sqlite").display());
    let ledger = Ledger::open(options(url.clone(), lease)).unwrap();
    ledger.migrate().await.unwrap();
    TestLedger { ledger, url, _dir: dir }
}

async fn on_postgres(lease: Duration) -> TestLedger {
    #[expect(clippy::disallowed_methods, reason = "tests are told where their servers are")]
    let server = std::env::var("LETHE_TEST_POSTGRES_URL").expect("tests/run starts PostgreSQL and names it here");
    let name = format!("ledger_{}", JobId::new().0.simple());
    sqlx::any::install_default_drivers();
    let pool = sqlx::AnyPool::connect(&server).await.unwrap();
    pool.execute(AssertSqlSafe(format!("CREATE DATABASE {name}")))
        .await
        .unwrap();
    let url = server.split_once('?').map_or(server.as_str(), |(base, _)| base);
    let (base, _) = url.rsplit_once('/').expect("a URL that names a database");
    let url = format!("{base}/{name}");
    let ledger = Ledger::open(options(url.clone(), lease)).unwrap();
    ledger.migrate().await.unwrap();
    TestLedger {
        ledger,
        url,
        _dir: tempfile::tempdir().unwrap(),
    }
}

/// Runs each test on both databases.
macro_rules! on_both {
    ($($name:ident),* $(,)?) => {
        mod sqlite { $(#[tokio::test] async fn $name() { super::$name(super::on_sqlite(super::LEASE).await).await; })* }
        mod postgres { $(#[tokio::test] async fn $name() { super::$name(super::on_postgres(super::LEASE).await).await; })* }
    };
}

const LEASE: Duration = Duration::from_secs(30);

on_both!(
    an_accepted_job_is_claimed_recorded_and_read_back,
    a_key_that_is_used_again_answers_with_the_same_job,
    a_record_with_a_lost_lease_changes_nothing,
    a_record_that_is_repeated_counts_once,
    jobs_accepted_at_once_are_all_there,
    residue_starts_rounds_until_there_are_none_left,
    a_failed_partition_fails_its_job_and_its_rest_counts_as_failed,
    cancelling_ends_what_has_not_begun_and_stops_the_rest,
    a_retry_asks_for_everything_again,
    a_plan_beyond_its_limit_touches_nothing,
    a_paused_target_is_not_claimed,
    the_pace_of_a_job_is_kept_by_the_ledger,
    the_totals_add_up,
    forgetting_keeps_the_counts,
    a_job_that_nobody_serves_is_given_up,
    residue_that_is_found_after_a_cancellation_is_left,
    what_is_planned_after_a_cancellation_is_left,
    an_upload_that_was_swept_takes_no_more_ids,
    a_partition_that_cannot_be_read_fails_and_keeps_nobody_waiting,
    a_job_that_cannot_be_read_fails_and_keeps_nobody_waiting,
    a_record_says_that_the_job_is_being_cancelled,
    only_a_job_with_one_partition_says_which_version_it_erased,
);

fn route() -> Route {
    Route {
        target: "main".to_owned(),
        table: "memories".to_owned(),
        digest: "0".to_owned(),
    }
}

fn ids(n: usize) -> NewPartition {
    NewPartition {
        kind: Kind::Erase,
        route: route(),
        stores: vec![StoreKind::Sql, StoreKind::Vector],
        work: Work::Ids((0..n).map(|n| format!("memory-{n}")).collect()),
        remaining: n as u64,
    }
}

async fn accept(ledger: &Ledger, job: NewJob) -> JobId {
    match ledger.accept(job).await.unwrap() {
        Accepted::New(id) => id,
        other => panic!("{other:?}"),
    }
}

async fn claim(ledger: &Ledger) -> Vec<Lease> {
    let routes = [route()];
    let order = Claim {
        worker: "w",
        routes: &routes,
        small: 100,
        alone: 100,
        count_rescues: true,
        oldest_first: false,
    };
    ledger.claim(&order).await.unwrap()
}

async fn claim_one(ledger: &Ledger) -> Lease {
    let mut leases = claim(ledger).await;
    assert_eq!(leases.len(), 1);
    leases.remove(0)
}

fn erased(n: u64) -> Delta {
    let mut delta = Delta::default();
    delta.count(StoreKind::Sql, Outcome::Erased, n);
    delta.count(StoreKind::Vector, Outcome::Erased, n);
    delta
}

fn end(lease: &Lease, delta: Delta, end: RecordEnd) -> Record<'_> {
    Record {
        lease,
        delta,
        progress: None,
        remaining: lease.remaining,
        end: Some(end),
    }
}

async fn record(ledger: &Ledger, record: Record<'_>) -> After {
    ledger.record(&[record]).await.unwrap().remove(0)
}

/// Records a lease as done, and what follows as read back with nothing found.
async fn finish(ledger: &Ledger, lease: &Lease) -> After {
    let n = lease.remaining;
    match record(ledger, end(lease, erased(n), RecordEnd::Done)).await {
        After::ReadBack(lease) => record(ledger, end(&lease, Delta::default(), RecordEnd::Done)).await,
        other => other,
    }
}

async fn state(ledger: &Ledger, id: JobId) -> State {
    ledger.job(id).await.unwrap().unwrap().state
}

async fn total(ledger: &Ledger, metric: &str, outcome: &str) -> u64 {
    let rows = ledger.totals().await.unwrap();
    rows.iter()
        .filter(|row| row.metric == metric && row.outcome == outcome && row.store != "vector")
        .map(|r| r.n)
        .sum()
}

async fn an_accepted_job_is_claimed_recorded_and_read_back(TestLedger { ledger, _dir, .. }: TestLedger) {
    let id = accept(&ledger, new_job(vec![ids(3)])).await;
    assert_eq!(state(&ledger, id).await, State::Queued);
    let lease = claim_one(&ledger).await;
    assert!(lease.job.first && lease.kind == Kind::Erase && !lease.alone);
    assert!(claim(&ledger).await.is_empty(), "a lease is exclusive");
    assert_eq!(state(&ledger, id).await, State::Running);
    let go = ledger.intend(&[(&lease, "intent".to_owned())]).await.unwrap();
    assert!(matches!(go[0], Go::Proceed(_)));
    let After::ReadBack(back) = record(&ledger, end(&lease, erased(3), RecordEnd::Done)).await else {
        panic!("the last partition is read back by its worker")
    };
    assert_eq!(
        (state(&ledger, id).await, back.kind),
        (State::Verifying, Kind::ReadBack)
    );
    let after = record(&ledger, end(&back, Delta::default(), RecordEnd::Done)).await;
    assert!(matches!(
        after,
        After::JobEnded {
            state: State::Succeeded,
            ..
        }
    ));
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
    let id = accept(&ledger, with_key("a")).await;
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
    assert_eq!(ledger.intend(&[(&old, String::new())]).await.unwrap(), [Go::Lost]);
    assert_eq!(ledger.renew(&[&old]).await.unwrap(), [Go::Lost]);
    ledger
        .release(&[Release {
            fence: old.fence(),
            delay_ms: 0,
            error: Some("late"),
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
    assert!(matches!(
        finish(&ledger, &new).await,
        After::JobEnded {
            state: State::Succeeded,
            ..
        }
    ));
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
    // Its answer was lost, and the worker asks again.
    assert!(matches!(record(&ledger, step(&lease)).await, After::Lost));
    lease.token += 1;
    lease.remaining = 3;
    assert!(matches!(finish(&ledger, &lease).await, After::JobEnded { .. }));
    let job = ledger.job(id).await.unwrap().unwrap();
    assert!(job.stores.iter().all(|store| store.counts["erased"] == 4));
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

async fn residue_starts_rounds_until_there_are_none_left(TestLedger { ledger, _dir, .. }: TestLedger) {
    let id = accept(&ledger, new_job(vec![ids(5), ids(5)])).await;
    let mut rounds = 0;
    loop {
        let mut ended = None;
        let mut queue = claim(&ledger).await;
        assert!(!queue.is_empty(), "a job that has not ended has work");
        while let Some(lease) = queue.pop() {
            let after = if lease.kind == Kind::ReadBack {
                let residue = RecordEnd::Residue {
                    n: 2,
                    progress: Some("two of them".to_owned()),
                };
                record(&ledger, end(&lease, Delta::default(), residue)).await
            } else {
                assert_eq!(lease.progress.is_some(), rounds > 0);
                record(&ledger, end(&lease, erased(lease.remaining), RecordEnd::Done)).await
            };
            match after {
                After::ReadBack(lease) => queue.push(*lease),
                After::JobEnded { state, .. } => ended = Some(state),
                _ => {}
            }
        }
        if ended.is_some() {
            assert_eq!(ended, Some(State::Failed));
            break;
        }
        rounds = ledger.job(id).await.unwrap().unwrap().round;
    }
    let job = ledger.job(id).await.unwrap().unwrap();
    assert_eq!((job.round, job.error_code.as_deref()), (2, Some("residue")));
    // Ten at first, four in each of two rounds, four that stayed.
    assert_eq!(job.selected, 22);
    assert!(
        job.stores
            .iter()
            .all(|store| store.counts["erased"] == 18 && store.counts["failed"] == 4),
        "{job:?}"
    );
}

async fn a_failed_partition_fails_its_job_and_its_rest_counts_as_failed(TestLedger { ledger, _dir, .. }: TestLedger) {
    let id = accept(&ledger, new_job(vec![ids(5), ids(7)])).await;
    let leases = claim(&ledger).await;
    record(
        &ledger,
        end(&leases[0], Delta::default(), RecordEnd::Failed("rejected")),
    )
    .await;
    let after = record(&ledger, end(&leases[1], erased(leases[1].remaining), RecordEnd::Done)).await;
    assert!(matches!(
        after,
        After::JobEnded {
            state: State::Failed,
            ..
        }
    ));
    let job = ledger.job(id).await.unwrap().unwrap();
    assert_eq!(job.error_code.as_deref(), Some("rejected"));
    for store in &job.stores {
        assert_eq!(store.counts["failed"] + store.counts["erased"], job.selected);
    }
}

async fn cancelling_ends_what_has_not_begun_and_stops_the_rest(TestLedger { ledger, _dir, .. }: TestLedger) {
    let id = accept(&ledger, new_job(vec![ids(5), ids(7)])).await;
    let routes = [route()];
    let order = Claim {
        worker: "w",
        routes: &routes,
        small: 0,
        alone: 1,
        count_rescues: true,
        oldest_first: false,
    };
    let lease = ledger.claim(&order).await.unwrap().remove(0);
    assert_eq!(ledger.cancel(id).await.unwrap(), CancelOutcome::Accepted);
    assert_eq!(state(&ledger, id).await, State::Cancelling);
    assert!(claim(&ledger).await.is_empty(), "what had not begun has ended");
    assert!(matches!(
        ledger.intend(&[(&lease, String::new())]).await.unwrap()[0],
        Go::Cancel(_)
    ));
    let after = record(&ledger, end(&lease, Delta::default(), RecordEnd::Cancelled)).await;
    assert!(matches!(
        after,
        After::JobEnded {
            state: State::Cancelled,
            ..
        }
    ));
    assert_eq!(ledger.cancel(id).await.unwrap(), CancelOutcome::Ended(State::Cancelled));
    assert_eq!(ledger.cancel(JobId::new()).await.unwrap(), CancelOutcome::Unknown);
    let job = ledger.job(id).await.unwrap().unwrap();
    assert!(job.stores.iter().all(|store| store.counts["left"] == 12));
    let queued = accept(&ledger, new_job(vec![ids(1)])).await;
    ledger.cancel(queued).await.unwrap();
    assert_eq!(
        state(&ledger, queued).await,
        State::Cancelled,
        "nothing of it had begun"
    );
}

async fn a_retry_asks_for_everything_again(TestLedger { ledger, _dir, .. }: TestLedger) {
    let id = accept(&ledger, new_job(vec![ids(5)])).await;
    assert_eq!(ledger.retry(id).await.unwrap(), RetryOutcome::NotEnded(State::Queued));
    let lease = claim_one(&ledger).await;
    record(&ledger, end(&lease, Delta::default(), RecordEnd::Failed("rejected"))).await;
    assert_eq!(ledger.retry(id).await.unwrap(), RetryOutcome::Accepted);
    let lease = claim_one(&ledger).await;
    assert_eq!((lease.remaining, lease.kind), (5, Kind::Erase));
    assert!(matches!(
        finish(&ledger, &lease).await,
        After::JobEnded {
            state: State::Succeeded,
            ..
        }
    ));
    let job = ledger.job(id).await.unwrap().unwrap();
    assert_eq!((job.attempt, job.error_code), (2, None));
    assert_eq!(
        ledger.retry(id).await.unwrap(),
        RetryOutcome::NotEnded(State::Succeeded)
    );
}

async fn a_plan_beyond_its_limit_touches_nothing(TestLedger { ledger, _dir, .. }: TestLedger) {
    let plan = NewPartition {
        kind: Kind::Plan,
        work: Work::Subject,
        remaining: 0,
        ..ids(0)
    };
    let subject = Subject {
        user_id: Some("ana".to_owned()),
        ..Subject::default()
    };
    let job = NewJob {
        subject: Some(subject),
        limit: Some(9),
        ..new_job(vec![plan.clone(), plan])
    };
    let id = accept(&ledger, job).await;
    let plans = claim(&ledger).await;
    assert_eq!((plans.len(), state(&ledger, id).await), (2, State::Planning));
    let planned = |lease| {
        let range = NewPartition {
            work: Work::Range {
                after: None,
                through: None,
            },
            ..ids(5)
        };
        let delta = Delta {
            selected: 5,
            planned: vec![range],
            ..Delta::default()
        };
        end(lease, delta, RecordEnd::Done)
    };
    assert!(matches!(record(&ledger, planned(&plans[0])).await, After::Ended));
    assert!(claim(&ledger).await.is_empty(), "half a plan is none");
    let after = record(&ledger, planned(&plans[1])).await;
    assert!(matches!(
        after,
        After::JobEnded {
            state: State::Failed,
            ..
        }
    ));
    let job = ledger.job(id).await.unwrap().unwrap();
    assert_eq!((job.error_code.as_deref(), job.selected), (Some("limit_exceeded"), 10));
    assert!(job.stores.iter().all(|store| store.counts["left"] == 10) && claim(&ledger).await.is_empty());
}

async fn a_paused_target_is_not_claimed(TestLedger { ledger, _dir, .. }: TestLedger) {
    for scope in [None, Some("main")] {
        ledger.pause(scope).await.unwrap();
        accept(&ledger, new_job(vec![ids(1)])).await;
        assert!(claim(&ledger).await.is_empty());
        ledger.resume(scope).await.unwrap();
        let lease = claim_one(&ledger).await;
        ledger.pause(scope).await.unwrap();
        assert!(matches!(
            ledger.intend(&[(&lease, String::new())]).await.unwrap()[0],
            Go::Pause(_)
        ));
        ledger.resume(scope).await.unwrap();
        finish(&ledger, &lease).await;
    }
}

async fn the_pace_of_a_job_is_kept_by_the_ledger(TestLedger { ledger, _dir, .. }: TestLedger) {
    accept(
        &ledger,
        NewJob {
            per_second: Some(10),
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
        alone: false,
    };
    ledger.release(&[release]).await.unwrap();
    assert!(claim(&ledger).await.is_empty(), "given back for later");
    assert!((1..=60_000).contains(&ledger.next_due().await.unwrap().unwrap()));
}

async fn the_totals_add_up(TestLedger { ledger, _dir, .. }: TestLedger) {
    accept(&ledger, new_job(vec![ids(5)])).await;
    accept(&ledger, new_job(vec![ids(6)])).await;
    let cancelled = accept(&ledger, new_job(vec![ids(7)])).await;
    accept(
        &ledger,
        NewJob {
            not_before: Some(i64::MAX / 4),
            ..new_job(vec![ids(8)])
        },
    )
    .await;
    ledger.cancel(cancelled).await.unwrap();
    let leases = claim(&ledger).await;
    finish(&ledger, &leases[0]).await;
    record(
        &ledger,
        end(&leases[1], Delta::default(), RecordEnd::Failed("rejected")),
    )
    .await;
    let ended = total(&ledger, "ended", "succeeded").await
        + total(&ledger, "ended", "failed").await
        + total(&ledger, "ended", "cancelled").await;
    assert_eq!(
        total(&ledger, "accepted", "").await,
        ended + ledger.backlog().await.unwrap()
    );
    let mut outcomes = 0;
    for outcome in Outcome::ALL {
        outcomes += total(&ledger, "memories", outcome.as_str()).await;
    }
    let remaining: u64 = ledger.service_state(20).await.unwrap().remaining.values().sum();
    assert_eq!(total(&ledger, "selected", "").await, outcomes + remaining);
    assert_eq!((outcomes, remaining), (18, 8));
}

async fn forgetting_keeps_the_counts(TestLedger { ledger, _dir, .. }: TestLedger) {
    let id = accept(
        &ledger,
        NewJob {
            owner: Some("ana".to_owned()),
            ..new_job(vec![ids(2)])
        },
    )
    .await;
    let lease = claim_one(&ledger).await;
    assert_eq!(lease.job.owner.as_deref(), Some("ana"));
    finish(&ledger, &lease).await;
    let before = ledger.job(id).await.unwrap().unwrap().stores;
    let day = Duration::from_hours(24);
    assert_eq!(ledger.forget(day, day, day).await.unwrap(), 0, "not before its time");
    assert_eq!(ledger.forget(Duration::ZERO, day, day).await.unwrap(), 1);
    let job = ledger.job(id).await.unwrap().unwrap();
    assert!(job.forgotten_at.is_some());
    assert_eq!(job.stores, before);
    assert_eq!(ledger.forget(Duration::ZERO, Duration::ZERO, day).await.unwrap(), 0);
    assert!(ledger.job(id).await.unwrap().is_none());
}

async fn a_job_that_nobody_serves_is_given_up(test: TestLedger) {
    let id = accept(&test.ledger, new_job(vec![ids(3), ids(4)])).await;
    assert_eq!(test.ledger.give_up().await.unwrap(), [], "not before its time");
    let impatient = test.giving_up_after(Duration::ZERO);
    assert_eq!(impatient.give_up().await.unwrap(), [id]);
    let job = test.ledger.job(id).await.unwrap().unwrap();
    assert_eq!(
        (job.state, job.error_code.as_deref(), job.remaining),
        (State::Failed, Some("unserved"), 0)
    );
    assert!(job.stores.iter().all(|store| store.counts["failed"] == 7));
    assert_eq!(test.ledger.retry(id).await.unwrap(), RetryOutcome::Accepted);
}

async fn residue_that_is_found_after_a_cancellation_is_left(TestLedger { ledger, _dir, .. }: TestLedger) {
    let id = accept(&ledger, new_job(vec![ids(3)])).await;
    let lease = claim_one(&ledger).await;
    let After::ReadBack(lease) = record(&ledger, end(&lease, erased(3), RecordEnd::Done)).await else {
        panic!("it is read back by its worker")
    };
    ledger.cancel(id).await.unwrap();
    let residue = RecordEnd::Residue { n: 2, progress: None };
    let after = record(&ledger, end(&lease, Delta::default(), residue)).await;
    assert!(matches!(
        after,
        After::JobEnded {
            state: State::Cancelled,
            ..
        }
    ));
    let job = ledger.job(id).await.unwrap().unwrap();
    assert_eq!(
        (job.selected, job.remaining),
        (5, 0),
        "nothing waits in a job that has ended"
    );
    assert!(
        job.stores
            .iter()
            .all(|store| store.counts["erased"] == 3 && store.counts["left"] == 2)
    );
    assert_eq!(total(&ledger, "selected", "").await, 5);
    assert_eq!(total(&ledger, "memories", "left").await, 2);
}

async fn what_is_planned_after_a_cancellation_is_left(TestLedger { ledger, _dir, .. }: TestLedger) {
    let plan = NewPartition {
        kind: Kind::Plan,
        work: Work::Subject,
        remaining: 0,
        ..ids(0)
    };
    let subject = Subject {
        user_id: Some("ana".to_owned()),
        ..Subject::default()
    };
    let job = NewJob {
        subject: Some(subject),
        ..new_job(vec![plan])
    };
    let id = accept(&ledger, job).await;
    let lease = claim_one(&ledger).await;
    ledger.cancel(id).await.unwrap();
    let delta = Delta {
        selected: 5,
        planned: vec![ids(5)],
        ..Delta::default()
    };
    record(&ledger, end(&lease, delta, RecordEnd::Done)).await;
    let job = ledger.job(id).await.unwrap().unwrap();
    assert_eq!((job.state, job.selected, job.remaining), (State::Cancelled, 5, 0));
    assert!(job.stores.iter().all(|store| store.counts["left"] == 5));
    assert_eq!(total(&ledger, "selected", "").await, 5);
}

async fn a_partition_that_cannot_be_read_fails_and_keeps_nobody_waiting(test: TestLedger) {
    unreadable_fails(&test, "UPDATE partitions SET work = '{\"of a later version\": 1}'").await;
}

async fn a_job_that_cannot_be_read_fails_and_keeps_nobody_waiting(test: TestLedger) {
    unreadable_fails(&test, "UPDATE jobs SET subject = 'not JSON'").await;
}

/// Accepts a job, makes it unreadable, and another that is fine.
async fn unreadable_fails(test: &TestLedger, spoil: &'static str) {
    let ledger = &test.ledger;
    let spoilt = accept(ledger, new_job(vec![ids(3)])).await;
    test.run(spoil).await;
    let fine = accept(ledger, new_job(vec![ids(3)])).await;

    let lease = claim_one(ledger).await;
    assert_eq!(lease.job.id, fine);
    finish(ledger, &lease).await;
    // The lease runs out as often as a newer version may need to take it.
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

async fn a_record_says_that_the_job_is_being_cancelled(TestLedger { ledger, _dir, .. }: TestLedger) {
    accept(&ledger, new_job(vec![ids(3)])).await;
    let mut lease = claim_one(&ledger).await;
    for asked in [false, true] {
        if asked {
            ledger.cancel(lease.job.id).await.unwrap();
        }
        let record_of = Record {
            lease: &lease,
            delta: erased(1),
            progress: None,
            remaining: lease.remaining - 1,
            end: None,
        };
        let After::Continue { until, cancelling } = record(&ledger, record_of).await else {
            panic!("the partition goes on")
        };
        assert_eq!(cancelling, asked);
        lease.goes_on(until, cancelling);
        lease.remaining -= 1;
    }
    assert!(lease.job.cancelling);
}

async fn only_a_job_with_one_partition_says_which_version_it_erased(TestLedger { ledger, _dir, .. }: TestLedger) {
    for (partitions, said) in [(vec![ids(1)], Some(7)), (vec![ids(1), ids(1)], None)] {
        let id = accept(&ledger, new_job(partitions)).await;
        for lease in claim(&ledger).await {
            let delta = Delta {
                version_erased: Some(7),
                ..erased(1)
            };
            record(&ledger, end(&lease, delta, RecordEnd::Failed("rejected"))).await;
        }
        assert_eq!(ledger.job(id).await.unwrap().unwrap().version_erased, said);
        ledger.retry(id).await.unwrap();
        assert_eq!(ledger.job(id).await.unwrap().unwrap().version_erased, None);
        ledger.cancel(id).await.unwrap();
    }
}

async fn an_upload_that_was_swept_takes_no_more_ids(test: TestLedger) {
    let ledger = &test.ledger;
    let mut upload = ledger
        .begin_upload(&new_job(Vec::new()), &ids(1))
        .await
        .unwrap()
        .unwrap();
    ledger.append(&mut upload, ids(2)).await.unwrap();
    assert_eq!(test.run("UPDATE jobs SET touched_at = 0").await, 1);
    assert_eq!(ledger.drop_abandoned_uploads().await.unwrap(), 1);
    assert!(ledger.append(&mut upload, ids(3)).await.is_err());
    assert_eq!(test.run("DELETE FROM partitions").await, 0, "no id stays behind");
}

/// A claim locks partitions and then their jobs, a cancellation a job and then its partitions: if
/// it waited for these, the two would wait for each other.
#[tokio::test]
async fn cancelling_does_not_wait_for_what_is_being_claimed() {
    let test = on_postgres(LEASE).await;
    let id = accept(&test.ledger, new_job(vec![ids(2), ids(3)])).await;
    let pool = sqlx::AnyPool::connect(&test.url).await.unwrap();
    let mut claiming = pool.acquire().await.unwrap();
    claiming
        .execute("BEGIN; SELECT ordinal FROM partitions WHERE ordinal = 0 FOR UPDATE")
        .await
        .unwrap();
    assert_eq!(test.ledger.cancel(id).await.unwrap(), CancelOutcome::Accepted);
    claiming.execute("ROLLBACK").await.unwrap();
    let lease = claim_one(&test.ledger).await;
    assert!(lease.job.cancelling && lease.ordinal == 0);
    let after = record(&test.ledger, end(&lease, Delta::default(), RecordEnd::Cancelled)).await;
    assert!(matches!(
        after,
        After::JobEnded {
            state: State::Cancelled,
            ..
        }
    ));
    let job = test.ledger.job(id).await.unwrap().unwrap();
    assert!(job.stores.iter().all(|store| store.counts["left"] == 5));
}
