//! A held job rests: it has no clock, and counts for no limit and in no alarm.

use std::time::Duration;

use lethe_common::ledger::{Deadline, ExecutionOptions, Legal, NewJob, Queue, Run, ThrottleOutcome, Unfinished, Whose};
use lethe_common::state::State;

use super::{held_job, kept, work};
use crate::schedules::{MISSED, schedule};
use crate::support::new_job;
use crate::{TestLedger, claim_one, ended_as, forget, ids, tester};

crate::on_both! {
    a_held_job_counts_for_no_limit_and_in_no_alarm,
    a_held_job_is_never_given_up_and_keeps_its_ids,
    a_held_job_keeps_no_past_pauses,
    a_schedule_fires_beside_a_held_job,
}

async fn a_held_job_counts_for_no_limit_and_in_no_alarm(test: TestLedger) {
    let ledger = &test.ledger;
    let deadline = Deadline {
        regulation: "gdpr".to_owned(),
        received_at: 1,
        due_at: 2,
        extended: None,
    };
    let legal = Legal {
        ground: None,
        deadline: Some(deadline),
    };
    let job = NewJob {
        execution: ExecutionOptions {
            legal,
            ..ExecutionOptions::default()
        },
        ..new_job(vec![ids(3)])
    };
    held_job(ledger, job).await;
    test.pass(60 * 1_000).await;
    let unfinished = ledger.unfinished_of("tests", 10, || ()).await.unwrap();
    assert_eq!(unfinished, Unfinished::default());
    assert_eq!(ledger.backlog().await.unwrap(), 0);
    let queue = ledger.queue().await.unwrap();
    let expected = Queue {
        jobs: [("held".to_owned(), 1)].into(),
        ..Queue::default()
    };
    assert_eq!(queue, expected);
    for whose in [Whose::All, Whose::Of("tests".to_owned())] {
        let seen = ledger.glances(&whose, None, 10, 10).await.unwrap();
        assert!(seen.jobs.is_empty(), "nobody has to act");
    }
}

async fn a_held_job_is_never_given_up_and_keeps_its_ids(test: TestLedger) {
    let ledger = &test.ledger;
    let id = held_job(ledger, new_job(vec![ids(3)])).await;
    // A pace is no clock, either.
    let paced = ledger.throttle(id, Some(1.0), &tester()).await.unwrap();
    assert_eq!(paced, ThrottleOutcome::Accepted);
    test.pass(100 * 60 * 60 * 1_000).await;
    while ledger.give_up().await.unwrap().more {}
    forget(ledger, Duration::ZERO, Duration::ZERO).await;
    let job = ledger.job(id).await.unwrap().unwrap();
    assert_eq!((job.state, job.forgotten_at), (State::Held, None));
    let items = format!("UPDATE items SET ordinal = ordinal WHERE job_id = '{id}'");
    assert_eq!(test.run(items).await, 2);
}

async fn a_held_job_keeps_no_past_pauses(test: TestLedger) {
    let ledger = &test.ledger;
    held_job(ledger, new_job(vec![ids(3)])).await;
    for _ in 0..2 {
        test.pass(60 * 1_000).await;
        ledger.pause(None, &tester()).await.unwrap();
        ledger.resume(None, &tester()).await.unwrap();
    }
    assert_eq!(test.run("UPDATE past_pauses SET scope = scope").await, 1);
}

async fn a_schedule_fires_beside_a_held_job(test: TestLedger) {
    let ledger = &test.ledger;
    assert!(ledger.add_schedule(&schedule(None), &tester()).await.unwrap());
    for _ in 0..2 {
        let due = ledger.due_schedules(None, 10).await.unwrap().due.remove(0);
        let job = new_job(vec![ids(3)]);
        let fired = ledger.fire(&due, Some(MISSED), &job).await.unwrap();
        assert_eq!(fired, Run::Fired);
        let lease = claim_one(ledger).await;
        let after = work(ledger, &lease, kept(2, &[("case-77", 1)])).await;
        assert_eq!(ended_as(&after), Some(State::Held));
    }
}
