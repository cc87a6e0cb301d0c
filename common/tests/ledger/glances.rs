//! The jobs that may need somebody: those that failed, and those that may be stuck.

use std::collections::BTreeSet;

use lethe_common::job::JobId;
use lethe_common::ledger::{Glance, Ledger, NewJob, WaitReason, Whose};

use crate::support::new_job;
use crate::{TestLedger, accept, ids, tester};

crate::on_both! {
    failed_and_waiting_jobs_are_seen_the_newest_first,
    a_caller_sees_its_own_jobs_and_those_about_its_targets,
    failed_jobs_are_found_behind_those_of_others,
    the_jobs_of_a_caller_that_are_due_the_longest_may_be_stuck,
}

/// Accepts a job about one target.
async fn waiting(ledger: &Ledger) -> JobId {
    let job = NewJob {
        target: Some("main".to_owned()),
        owner: Some("ana".to_owned()),
        ..new_job(vec![ids(1)])
    };
    accept(ledger, job).await
}

/// Makes a job one that failed.
async fn fail(test: &TestLedger, id: JobId) {
    test.run(format!(
        "UPDATE jobs SET state = 'failed', ended_at = accepted_at, error_code = 'busy' WHERE id = '{id}'"
    ))
    .await;
}

async fn seen(ledger: &Ledger, whose: &Whose, stuck: u32) -> Vec<Glance> {
    ledger.glances(whose, None, 10, stuck).await.unwrap().jobs
}

fn ids_of(seen: &[Glance]) -> Vec<JobId> {
    seen.iter().map(|job| job.id).collect()
}

async fn failed_and_waiting_jobs_are_seen_the_newest_first(test: TestLedger) {
    let ledger = &test.ledger;
    let failed = waiting(ledger).await;
    fail(&test, failed).await;
    let cancelled = waiting(ledger).await;
    ledger.cancel(cancelled, &tester()).await.unwrap();
    let older = waiting(ledger).await;
    let newer = waiting(ledger).await;

    let all = seen(ledger, &Whose::All, 10).await;
    assert_eq!(ids_of(&all), [newer, older, failed]);
    assert_eq!(ids_of(&seen(ledger, &Whose::All, 1).await), [newer, failed]);
    let reasons: Vec<_> = all
        .iter()
        .map(|job| job.waits_for.as_ref().map(|wait| wait.reason))
        .collect();
    assert_eq!(reasons, [Some(WaitReason::Worker), Some(WaitReason::Worker), None]);
    let codes: Vec<_> = all.iter().map(|job| job.error_code.clone().map(String::from)).collect();
    assert_eq!(codes, [None, None, Some("busy".to_owned())]);
    assert!(all[2].ended_at.is_some() && all[0].ended_at.is_none());

    let owner = |job: &Glance| job.aim.as_ref().and_then(|aim| aim.owner.clone());
    assert_eq!(owner(&all[2]), Some("ana".to_owned()));
    test.run(format!("UPDATE jobs SET forgotten_at = 1 WHERE id = '{failed}'"))
        .await;
    let forgotten = seen(ledger, &Whose::All, 0).await;
    assert_eq!(ids_of(&forgotten), [failed]);
    assert!(forgotten[0].aim.is_none(), "its retention has passed");
}

async fn a_caller_sees_its_own_jobs_and_those_about_its_targets(test: TestLedger) {
    let ledger = &test.ledger;
    let failed = waiting(ledger).await;
    fail(&test, failed).await;
    let waits = waiting(ledger).await;
    let of = |name: &str| Whose::Of(name.to_owned());
    let about = |target: &str| Whose::OfOrAbout("other".to_owned(), BTreeSet::from([target.to_owned()]));
    for (whose, sees) in [
        (of("tests"), true),
        (of("other"), false),
        (about("main"), true),
        (about("elsewhere"), false),
    ] {
        let expected = if sees { vec![waits, failed] } else { Vec::new() };
        assert_eq!(ids_of(&seen(ledger, &whose, 10).await), expected, "{whose:?}");
    }
}

async fn failed_jobs_are_found_behind_those_of_others(test: TestLedger) {
    let ledger = &test.ledger;
    let failed = waiting(ledger).await;
    fail(&test, failed).await;
    // More jobs of another caller than a page reads, each newer than the first.
    test.run(
        "WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 1500)
        INSERT INTO jobs (id, principal, state, kind, target, targets, dry_run, not_before, accepted_at, ended_at, touched_at)
        SELECT 'ffffffff-ffff-7000-8000-' || (100000000000 + n), 'others', 'failed', 'query', 'else', 'else', 0, 1, 1, 1, 1
        FROM numbers",
    )
    .await;
    let own = ledger
        .glances(&Whose::Of("tests".to_owned()), None, 10, 10)
        .await
        .unwrap();
    assert_eq!((ids_of(&own.jobs), own.next), (vec![failed], None));

    let about = Whose::OfOrAbout("nobody".to_owned(), BTreeSet::from(["main".to_owned()]));
    let first = ledger.glances(&about, None, 10, 10).await.unwrap();
    assert!(
        first.jobs.is_empty() && first.next.is_some(),
        "the page says that it is cut"
    );
    let second = ledger.glances(&about, first.next, 10, 0).await.unwrap();
    assert_eq!((ids_of(&second.jobs), second.next), (vec![failed], None));
    let all = ledger.glances(&Whose::All, None, 10, 0).await.unwrap();
    assert_eq!(all.next, all.jobs.last().map(|job| job.id), "as many as were asked for");
}

async fn the_jobs_of_a_caller_that_are_due_the_longest_may_be_stuck(test: TestLedger) {
    let ledger = &test.ledger;
    let mut ids = Vec::new();
    for due in 1..=5 {
        let id = waiting(ledger).await;
        test.run(format!("UPDATE jobs SET not_before = {due} WHERE id = '{id}'"))
            .await;
        ids.push(id);
    }
    ids.truncate(4);
    ids.reverse();
    let own = Whose::Of("tests".to_owned());
    assert_eq!(ids_of(&seen(ledger, &own, 1).await), ids, "one for each state");
}
