//! Deadlines: jobs that are due soon or overdue, and the one extension.

use lethe_common::job::JobId;
use lethe_common::ledger::{
    Deadline, ExecutionOptions, ExtendOutcome, Extended, JobFilter, Ledger, Legal, NewJob, Standing, Whose,
};
use lethe_common::receipt::{ErasureGround, ExtensionReason};
use lethe_common::state::State;

use crate::support::new_job;
use crate::{TestLedger, accept, ids, tester};

crate::on_both! {
    jobs_are_found_and_counted_by_their_deadline,
    a_deadline_is_extended_once_and_before_it_has_passed,
    only_an_unfinished_job_with_a_deadline_is_extended,
}

const DAY: i64 = 24 * 60 * 60 * 1000;

/// Returns a job that is due at this time.
fn due(at: i64) -> NewJob {
    let deadline = Deadline {
        regulation: "gdpr".to_owned(),
        received_at: at - 30 * DAY,
        due_at: at,
        extended: None,
    };
    NewJob {
        execution: ExecutionOptions {
            legal: Legal {
                ground: Some(ErasureGround::ConsentWithdrawn),
                deadline: Some(deadline),
            },
            ..ExecutionOptions::default()
        },
        ..new_job(vec![ids(1)])
    }
}

async fn found(ledger: &Ledger, due_before: i64, after: Option<JobId>) -> Vec<JobId> {
    let filter = JobFilter {
        due_before: Some(due_before),
        after,
        ..JobFilter::of(Whose::All, 2)
    };
    let page = ledger.jobs(&filter).await.unwrap();
    page.jobs.into_iter().map(|job| job.id).collect()
}

async fn standing(ledger: &Ledger, id: JobId) -> Option<Standing> {
    ledger.job(id).await.unwrap().unwrap().standing
}

async fn jobs_are_found_and_counted_by_their_deadline(test: TestLedger) {
    let ledger = &test.ledger;
    let now = TestLedger::now();
    let counts = async || {
        let queue = ledger.queue().await.unwrap();
        (queue.overdue, queue.due_soon)
    };
    assert_eq!(counts().await, (0, 0));
    // An upload that has not ended is in no list, so it does not count.
    let _begun = ledger.begin_upload(&due(now - DAY), &ids(1)).await.unwrap();
    assert_eq!((counts().await, found(ledger, now, None).await), ((0, 0), Vec::new()));
    let later = accept(ledger, due(now + 20 * DAY)).await;
    let overdue = accept(ledger, due(now - DAY)).await;
    let soon = accept(ledger, due(now + DAY)).await;
    let plain = accept(ledger, new_job(vec![ids(1)])).await;
    assert_eq!(counts().await, (1, 1));
    let scraped = ledger.service_state(1).await.unwrap().queue;
    assert_eq!((scraped.overdue, scraped.due_soon), (1, 1));
    assert_eq!(standing(ledger, later).await, Some(Standing::InTime));
    assert_eq!(standing(ledger, overdue).await, Some(Standing::Overdue));
    assert_eq!(standing(ledger, soon).await, Some(Standing::Soon));
    assert_eq!(standing(ledger, plain).await, None);

    let view = ledger.job(soon).await.unwrap().unwrap();
    assert_eq!(view.legal, due(now + DAY).execution.legal);
    assert_eq!(ledger.job(plain).await.unwrap().unwrap().legal, Legal::default());

    assert_eq!(found(ledger, now, None).await, [overdue]);
    assert_eq!(found(ledger, now + 2 * DAY, None).await, [soon, overdue]);
    // Pages are in the order of ids, as those of other lists.
    assert_eq!(found(ledger, now + 30 * DAY, None).await, [soon, overdue]);
    assert_eq!(found(ledger, now + 30 * DAY, Some(overdue)).await, [later]);

    ledger.cancel(overdue, &tester()).await.unwrap();
    assert_eq!(standing(ledger, overdue).await, Some(Standing::NotDone));
    assert_eq!(counts().await, (0, 1));
    assert_eq!(found(ledger, now, None).await, []);
    ledger.retry(overdue, &tester()).await.unwrap();
    assert_eq!(standing(ledger, overdue).await, Some(Standing::Overdue));
    assert_eq!(counts().await, (1, 1));
}

async fn a_deadline_is_extended_once_and_before_it_has_passed(test: TestLedger) {
    let ledger = &test.ledger;
    let now = TestLedger::now();
    let extend = async |id, until| {
        ledger
            .extend(id, until, ExtensionReason::Complexity, &tester())
            .await
            .unwrap()
    };
    let (at, later) = (now + DAY, now + 60 * DAY);
    let id = accept(ledger, due(at)).await;
    let version = ledger.job(id).await.unwrap().unwrap().version;
    assert_eq!(extend(id, at).await, ExtendOutcome::NotLater);
    assert_eq!(extend(id, later).await, ExtendOutcome::Accepted);
    let job = ledger.job(id).await.unwrap().unwrap();
    let deadline = job.legal.deadline.unwrap();
    assert_eq!((deadline.due_at, deadline.received_at), (later, at - 30 * DAY));
    let reason = ExtensionReason::Complexity;
    assert_eq!(deadline.extended, Some(Extended { from: at, reason }));
    assert_eq!((job.standing, job.version), (Some(Standing::InTime), version + 1));
    assert_eq!(extend(id, later + DAY).await, ExtendOutcome::Again);

    let overdue = accept(ledger, due(now - DAY)).await;
    assert_eq!(extend(overdue, later).await, ExtendOutcome::Passed);
    assert_eq!(standing(ledger, overdue).await, Some(Standing::Overdue));
}

async fn only_an_unfinished_job_with_a_deadline_is_extended(test: TestLedger) {
    let ledger = &test.ledger;
    let later = TestLedger::now() + 60 * DAY;
    let extend = async |id| {
        ledger
            .extend(id, later, ExtensionReason::NumberOfRequests, &tester())
            .await
            .unwrap()
    };
    let plain = accept(ledger, new_job(vec![ids(1)])).await;
    assert_eq!(extend(plain).await, ExtendOutcome::NoDeadline);
    let ended = accept(ledger, due(later - DAY)).await;
    ledger.cancel(ended, &tester()).await.unwrap();
    assert_eq!(extend(ended).await, ExtendOutcome::Ended(State::Cancelled));
    assert_eq!(extend(JobId::new()).await, ExtendOutcome::Unknown);
    let upload = due(later - DAY);
    let _begun = ledger.begin_upload(&upload, &ids(1)).await.unwrap();
    assert_eq!(extend(upload.id).await, ExtendOutcome::Unknown);
}
