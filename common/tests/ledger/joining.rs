//! Repeated requests: each has one unfinished job.

use std::time::Duration;

use lethe_common::error_code::ErrorCode;
use lethe_common::job::{JobId, Outcome, StoreKind};
use lethe_common::ledger::{Accepted, After, Delta, ItemOutcome, Ledger, NewJob, RecordEnd, RetryOutcome, Scope};
use lethe_common::state::State;

use crate::support::{erased, ids, new_job};
use crate::{LEASE, TestLedger, accept, claim_one, end, ended_as, finish, forget, options, record, state, total};

crate::on_both! {
    a_repeated_request_joins_its_job_until_that_has_ended,
    of_many_at_once_in_several_processes_one_makes_the_job,
    a_request_whose_job_is_never_found_fails_alone,
    a_retried_job_makes_room_for_the_request,
    an_end_that_nobody_has_heard_is_told_once,
    the_end_of_the_job_that_erased_is_told,
    what_a_request_was_leaves_with_the_retention,
    a_memory_in_one_store_only_is_counted,
}

fn repeatable(principal: &str, request: &str) -> NewJob {
    let job = new_job(vec![ids(2)]);
    NewJob {
        scope: Scope {
            principal: principal.to_owned(),
            ..job.scope
        },
        request: Some(request.to_owned()),
        ..job
    }
}

async fn a_repeated_request_joins_its_job_until_that_has_ended(TestLedger { ledger, _dir, .. }: TestLedger) {
    let first = accept(&ledger, repeatable("ana", "r")).await;
    for _ in 0..2 {
        let again = ledger.accept(repeatable("ana", "r")).await.unwrap();
        assert_eq!(again, Accepted::Replay(first));
    }
    let made_before = async |job: NewJob| ledger.made_before(&job).await.unwrap();
    assert_eq!(made_before(repeatable("ana", "r")).await, Some(first));
    assert_eq!(made_before(repeatable("ben", "r")).await, None);
    assert_eq!(made_before(new_job(vec![ids(2)])).await, None);
    // Another caller, another request, and jobs without a request each make their own job.
    let mut others = vec![accept(&ledger, repeatable("ben", "r")).await];
    others.push(accept(&ledger, repeatable("ana", "s")).await);
    others.push(accept(&ledger, new_job(vec![ids(2)])).await);
    others.push(accept(&ledger, new_job(vec![ids(2)])).await);
    assert!(!others.contains(&first));
    assert_eq!(
        (total(&ledger, "accepted", "").await, ledger.backlog().await.unwrap()),
        (5, 5)
    );
    assert_eq!(total(&ledger, "selected", "").await, 5 * 2);
    assert_eq!(
        ledger.job(first).await.unwrap().unwrap().remaining,
        2,
        "it was planned once"
    );
    for lease in crate::claim(&ledger).await {
        finish(&ledger, &lease).await;
    }
    assert_eq!(state(&ledger, first).await, State::Succeeded);
    assert_eq!(made_before(repeatable("ana", "r")).await, None);
    let next = accept(&ledger, repeatable("ana", "r")).await;
    assert_ne!(next, first);
    assert_eq!(
        ledger.accept(repeatable("ana", "r")).await.unwrap(),
        Accepted::Replay(next)
    );
}

async fn of_many_at_once_in_several_processes_one_makes_the_job(test: TestLedger) {
    let open = || Ledger::open(options(test.url.clone(), LEASE)).unwrap();
    let processes = [test.ledger.clone(), open(), open()];
    for round in 0..10 {
        let asking = (0..60).map(|n: usize| {
            let ledger = processes[n % processes.len()].clone();
            // Three requests in two orders, beside jobs that may share the transaction.
            let request = [format!("{round} {}", n % 3), format!("{round} {}", 2 - n % 3)][n % 2].clone();
            let job = if n % 5 == 4 {
                new_job(vec![ids(1)])
            } else {
                repeatable("ana", &request)
            };
            tokio::spawn(async move { (job.request.clone(), ledger.accept(job).await.unwrap()) })
        });
        let answers = futures::future::join_all(asking).await;
        let answers: Vec<_> = answers.into_iter().map(Result::unwrap).collect();
        for request in 0..3 {
            let of = |(asked, answer): &(Option<String>, Accepted)| {
                (asked.as_deref() == Some(format!("{round} {request}").as_str())).then(|| answer.clone())
            };
            let answers: Vec<Accepted> = answers.iter().filter_map(of).collect();
            let mut made = answers.iter().filter_map(|answer| match answer {
                Accepted::New(id) => Some(*id),
                _ => None,
            });
            let made: JobId = made
                .next()
                .unwrap_or_else(|| panic!("nobody made the job: {answers:?}"));
            let expected = |answer: &&Accepted| [Accepted::New(made), Accepted::Replay(made)].contains(answer);
            assert_eq!(answers.iter().filter(expected).count(), answers.len(), "{answers:?}");
            assert_eq!(
                answers.iter().filter(|answer| **answer == Accepted::New(made)).count(),
                1
            );
        }
    }
    assert_eq!(test.ledger.backlog().await.unwrap(), 10 * (3 + 12));
}

async fn a_request_whose_job_is_never_found_fails_alone(test: TestLedger) {
    let ledger = &test.ledger;
    // As if the job of this request ended between the two statements of each try.
    let skipping = if test.url.starts_with("sqlite") {
        vec![
            "CREATE TRIGGER skipped BEFORE INSERT ON jobs WHEN NEW.request = 'skipped' BEGIN SELECT RAISE(IGNORE); END",
        ]
    } else {
        vec![
            "CREATE FUNCTION skipped() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$",
            "CREATE TRIGGER skipped BEFORE INSERT ON jobs FOR EACH ROW WHEN (NEW.request = 'skipped')
                EXECUTE FUNCTION skipped()",
        ]
    };
    for statement in skipping {
        test.run(statement).await;
    }
    // All of them wait at the same time, and so share a transaction.
    let requests = ["a", "b", "skipped", "c", "d"];
    let accepting = requests.map(|request| ledger.accept(repeatable("ana", request)));
    let accepted = futures::future::join_all(accepting).await;
    for (request, accepted) in requests.iter().zip(accepted) {
        match accepted {
            Ok(accepted) => assert!(matches!(accepted, Accepted::New(_)), "{request}: {accepted:?}"),
            Err(error) => assert!(*request == "skipped" && error.is_transient(), "{request}: {error:?}"),
        }
    }
    assert_eq!(ledger.backlog().await.unwrap(), 4);
}

async fn a_retried_job_makes_room_for_the_request(TestLedger { ledger, _dir, .. }: TestLedger) {
    let first = accept(&ledger, repeatable("ana", "r")).await;
    ledger.cancel(first, &crate::tester()).await.unwrap();
    assert_eq!(state(&ledger, first).await, State::Cancelled);
    let second = accept(&ledger, repeatable("ana", "r")).await;
    assert_eq!(
        ledger.retry(first, &crate::tester()).await.unwrap(),
        RetryOutcome::Accepted
    );
    assert_eq!(
        ledger.accept(repeatable("ana", "r")).await.unwrap(),
        Accepted::Replay(second)
    );
}

async fn an_end_that_nobody_has_heard_is_told_once(TestLedger { ledger, _dir, .. }: TestLedger) {
    let finished = async |principal: &str| {
        let id = accept(&ledger, repeatable(principal, "r")).await;
        let lease = claim_one(&ledger).await;
        finish(&ledger, &lease).await;
        id
    };
    let heard = finished("ana").await;
    let second = accept(&ledger, repeatable("ana", "r")).await;
    assert_eq!(
        ledger.owed_before(second).await.unwrap(),
        None,
        "{heard:?} was not owed"
    );
    ledger.owe(second).await.unwrap();
    let third_before_the_end = ledger.accept(repeatable("ana", "r")).await.unwrap();
    assert_eq!(third_before_the_end, Accepted::Replay(second));
    let lease = claim_one(&ledger).await;
    finish(&ledger, &lease).await;
    let stranger = finished("ben").await;
    assert_eq!(ledger.owed_before(stranger).await.unwrap(), None);
    let third = finished("ana").await;
    assert_eq!(ledger.owed_before(third).await.unwrap(), Some(second));
    assert_eq!(ledger.owed_before(third).await.unwrap(), None, "it is told once");
    ledger.owe(third).await.unwrap();
    ledger.heard(third).await.unwrap();
    let fourth = finished("ana").await;
    assert_eq!(ledger.owed_before(fourth).await.unwrap(), None);
    // A failed job has no success to report.
    let failed = accept(&ledger, repeatable("cleo", "r")).await;
    ledger.owe(failed).await.unwrap();
    let lease = claim_one(&ledger).await;
    let after = record(
        &ledger,
        end(&lease, Delta::default(), RecordEnd::Failed(ErrorCode::Rejected)),
    )
    .await;
    assert_eq!(ended_as(&after), Some(State::Failed));
    let next = finished("cleo").await;
    assert_eq!(ledger.owed_before(next).await.unwrap(), None);
}

async fn the_end_of_the_job_that_erased_is_told(TestLedger { ledger, _dir, .. }: TestLedger) {
    let absent = || {
        let mut delta = Delta::default();
        delta.count(StoreKind::Sql, Outcome::Absent, 2);
        delta.count(StoreKind::Vector, Outcome::Absent, 2);
        delta
    };
    let ended = async |delta: Delta| {
        let id = accept(&ledger, repeatable("ana", "r")).await;
        let lease = claim_one(&ledger).await;
        if let After::ReadBack { lease, .. } = record(&ledger, end(&lease, delta, RecordEnd::Done)).await {
            record(&ledger, end(&lease, Delta::default(), RecordEnd::Done)).await;
        }
        assert_eq!(state(&ledger, id).await, State::Succeeded);
        id
    };
    for erases_first in [true, false] {
        let mut owed = Vec::new();
        for erases in [erases_first, !erases_first] {
            let id = ended(if erases { erased(2) } else { absent() }).await;
            ledger.owe(id).await.unwrap();
            owed.push((erases, id));
        }
        let last = ended(absent()).await;
        let told = ledger.owed_before(last).await.unwrap();
        assert_eq!(told, owed.iter().find(|(erases, _)| *erases).map(|(_, id)| *id));
        assert_eq!(ledger.owed_before(last).await.unwrap(), None, "one answer is for all");
    }
}

async fn what_a_request_was_leaves_with_the_retention(test: TestLedger) {
    let ledger = &test.ledger;
    let id = accept(ledger, repeatable("ana", "r")).await;
    ledger.owe(id).await.unwrap();
    let lease = claim_one(ledger).await;
    finish(ledger, &lease).await;
    forget(ledger, Duration::ZERO, Duration::from_hours(1)).await;
    assert_eq!(
        test.run("DELETE FROM jobs WHERE request IS NOT NULL OR owed <> 0")
            .await,
        0
    );
    assert!(ledger.job(id).await.unwrap().is_some());
}

async fn a_memory_in_one_store_only_is_counted(TestLedger { ledger, _dir, .. }: TestLedger) {
    let id = accept(&ledger, new_job(vec![ids(4)])).await;
    let lease = claim_one(&ledger).await;
    // 0 in both stores, 1 as a row, 2 and 3 as vectors, and 3 was put back as a row meanwhile.
    let mut delta = erased(1);
    delta.count(StoreKind::Sql, Outcome::Erased, 1);
    delta.count(StoreKind::Sql, Outcome::Absent, 2);
    delta.count(StoreKind::Vector, Outcome::Erased, 2);
    delta.count(StoreKind::Vector, Outcome::Absent, 1);
    for (n, store, outcome) in [
        (1, StoreKind::Vector, Some(Outcome::Absent)),
        (2, StoreKind::Sql, Some(Outcome::Absent)),
        (3, StoreKind::Sql, Some(Outcome::Absent)),
        (3, StoreKind::Sql, None),
    ] {
        delta.items.push(ItemOutcome {
            id: format!("memory-{n}"),
            store,
            outcome,
            code: None,
        });
    }
    record(&ledger, end(&lease, delta, RecordEnd::Done)).await;
    assert_eq!(ledger.erased_as_vectors_only(id).await.unwrap(), 1);
}
