//! Lists of jobs: the jobs that they find, the number that they read, and the labels that stay.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use lethe_common::job::{JobId, SelectorKind};
use lethe_common::ledger::{
    Changeable, ExecutionOptions, JobFilter, Ledger, MarkFilter, Marks, NewJob, NewPartition, Scope, Whose,
};
use lethe_common::state::State;

use crate::support::new_job;
use crate::{TestLedger, accept, claim_one, finish, forget, ids, tester};

crate::on_both! {
    a_list_of_a_target_shows_own_jobs_and_those_about_it_or_about_several_targets,
    a_page_that_has_read_many_jobs_goes_on_in_the_next_one,
    an_act_finds_its_jobs_however_many_others_there_are,
    labels_go_with_their_job,
    a_caller_reads_its_own_history_alone,
}

fn all() -> JobFilter {
    JobFilter::of(Whose::All, 10)
}

fn of_team(team: &str) -> JobFilter {
    JobFilter {
        marks: MarkFilter {
            reference: None,
            label: Some(("team".to_owned(), team.to_owned())),
        },
        ..all()
    }
}

/// Returns a job with a label.
fn labelled(team: &str) -> NewJob {
    NewJob {
        execution: ExecutionOptions {
            marks: Marks {
                reference: None,
                labels: BTreeMap::from([("team".to_owned(), team.to_owned())]),
            },
            ..ExecutionOptions::default()
        },
        ..new_job(vec![ids(1)])
    }
}

/// Returns a job of a principal about a target.
fn about(principal: &str, target: Option<&str>) -> NewJob {
    NewJob {
        scope: Scope {
            principal: principal.to_owned(),
            route: "/v1/jobs",
        },
        target: target.map(str::to_owned),
        ..new_job(vec![ids(1)])
    }
}

/// Returns the jobs of all pages, and the number of pages.
async fn pages(ledger: &Ledger, mut filter: JobFilter) -> (Vec<JobId>, usize) {
    let (mut found, mut pages) = (Vec::new(), 0);
    loop {
        let page = ledger.jobs(&filter).await.unwrap();
        found.extend(page.jobs.into_iter().map(|job| job.id));
        pages += 1;
        filter.after = page.next;
        if filter.after.is_none() {
            return (found, pages);
        }
    }
}

/// Inserts 2,500 ended jobs by query, older than all others.
async fn fill(test: &TestLedger) {
    test.run(
        "WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 2500)
        INSERT INTO jobs (id, principal, state, kind, target, targets, dry_run, not_before, accepted_at, ended_at, touched_at)
        SELECT '00000000-0000-7000-8000-' || (100000000000 + n), 'others', 'succeeded', 'query', 'main', 'main', 0, 1, 1, 1, 1
        FROM numbers",
    )
    .await;
}

async fn a_list_of_a_target_shows_own_jobs_and_those_about_it_or_about_several_targets(test: TestLedger) {
    let ledger = &test.ledger;
    let own = accept(ledger, about("p", Some("elsewhere"))).await;
    let both = accept(ledger, about("p", Some("main"))).await;
    let others = accept(ledger, about("q", Some("main"))).await;
    let several = accept(ledger, about("q", None)).await;
    let hidden = accept(ledger, about("q", Some("elsewhere"))).await;
    let of = |targets: &[&str]| JobFilter {
        whose: Whose::OfOrAbout("p".to_owned(), targets.iter().map(|&name| name.to_owned()).collect()),
        ..all()
    };
    assert_eq!(pages(ledger, of(&["main"])).await.0, [several, others, both, own]);
    assert_eq!(pages(ledger, of(&["unused"])).await.0, [several, both, own]);
    assert_eq!(pages(ledger, of(&[])).await.0, [both, own]);
    let few = JobFilter {
        limit: 1,
        ..of(&["main", "elsewhere"])
    };
    assert_eq!(
        pages(ledger, few).await.0,
        [hidden, several, others, both, own],
        "page by page"
    );
    let queued = JobFilter {
        state: Some(State::Queued),
        ..of(&["main"])
    };
    assert_eq!(
        pages(ledger, queued).await.0,
        [several, others, both, own],
        "beside another filter"
    );
    let none = JobFilter {
        whose: Whose::OfOrAbout("r".to_owned(), BTreeSet::new()),
        state: Some(State::Queued),
        ..all()
    };
    assert_eq!(pages(ledger, none).await.0, []);
}

async fn a_page_that_has_read_many_jobs_goes_on_in_the_next_one(test: TestLedger) {
    fill(&test).await;
    let oldest = "00000000-0000-7000-8000-100000000001";
    test.run(format!("UPDATE jobs SET kind = 'ids' WHERE id = '{oldest}'"))
        .await;
    let by_ids = JobFilter {
        kind: Some(SelectorKind::Ids),
        ..all()
    };
    let first = test.ledger.jobs(&by_ids).await.unwrap();
    assert!(first.jobs.is_empty() && first.next.is_some());
    let (found, read) = pages(&test.ledger, by_ids).await;
    assert_eq!((found, read), (vec![oldest.parse().unwrap()], 2));
    // Its own index shows at once that there is none.
    let by_person = JobFilter {
        kind: Some(SelectorKind::Subject),
        ..all()
    };
    assert_eq!(pages(&test.ledger, by_person).await, (vec![], 1));
    let everything = JobFilter { limit: 200, ..all() };
    let (found, _) = pages(&test.ledger, everything).await;
    assert!(found.len() == 2_500 && found.is_sorted_by(|a, b| a > b));
}

async fn an_act_finds_its_jobs_however_many_others_there_are(test: TestLedger) {
    let ledger = &test.ledger;
    let waiting = accept(ledger, about("p", Some("main"))).await;
    fill(&test).await;
    let oldest = "00000000-0000-7000-8000-100000000001";
    test.run(format!(
        "UPDATE jobs SET state = 'failed', principal = 'p' WHERE id = '{oldest}'"
    ))
    .await;
    let of = |state| JobFilter {
        principal: Some("p".to_owned()),
        target: Some("main".to_owned()),
        state,
        ..all()
    };
    let found = async |filter: JobFilter, changeable| {
        let page = ledger.matching(&filter, changeable, None).await.unwrap();
        page.jobs.into_iter().map(|job| job.id.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(found(of(None), Changeable::Unfinished).await, [waiting.to_string()]);
    assert_eq!(found(of(Some(State::Failed)), Changeable::Repeatable).await, [oldest]);
    let scheduled = JobFilter {
        schedule: Some("nightly".to_owned()),
        ..all()
    };
    test.run("UPDATE jobs SET schedule = 'nightly'").await;
    let page = ledger.matching(&scheduled, Changeable::Unfinished, None).await.unwrap();
    assert_eq!(
        (page.jobs.len(), page.read, page.next),
        (1, 1, None),
        "no ended job is read"
    );
}

async fn a_caller_reads_its_own_history_alone(test: TestLedger) {
    let ledger = &test.ledger;
    fill(&test).await;
    // The oldest job is the caller's. Those of others are more than a page reads.
    let own = "00000000-0000-7000-8000-100000000000";
    test.run(format!(
        "UPDATE jobs SET id = '{own}', principal = 'p' WHERE id = '00000000-0000-7000-8000-100000000001'"
    ))
    .await;
    for whose in [
        Whose::Of("p".to_owned()),
        Whose::OfOrAbout("p".to_owned(), BTreeSet::new()),
        Whose::OfOrAbout("p".to_owned(), BTreeSet::from(["elsewhere".to_owned()])),
    ] {
        for filter in [
            JobFilter {
                state: Some(State::Succeeded),
                ..all()
            },
            JobFilter {
                kind: Some(SelectorKind::Query),
                ..all()
            },
        ] {
            let filter = JobFilter {
                whose: whose.clone(),
                ..filter
            };
            let page = ledger.jobs(&filter).await.unwrap();
            let found: Vec<String> = page.jobs.iter().map(|job| job.id.to_string()).collect();
            assert_eq!((found, page.next), (vec![own.to_owned()], None), "{filter:?}");
        }
    }
}

async fn labels_go_with_their_job(test: TestLedger) {
    let ledger = &test.ledger;
    let left = async || test.run("UPDATE job_labels SET label = label").await;
    let ended = accept(ledger, labelled("a")).await;
    finish(ledger, &claim_one(ledger).await).await;
    let waiting = accept(ledger, labelled("b")).await;
    let upload = NewJob {
        partitions: Vec::new(),
        ..labelled("c")
    };
    let first: NewPartition = ids(1);
    let upload = ledger.begin_upload(&upload, &first).await.unwrap().unwrap();
    assert_eq!(left().await, 3);
    assert_eq!(pages(ledger, of_team("c")).await.0, [], "an upload is no job yet");
    ledger.abort_upload(upload).await.unwrap();
    assert_eq!(left().await, 2);
    test.run(format!("UPDATE jobs SET ended_at = 1 WHERE id = '{ended}'"))
        .await;
    let day = Duration::from_hours(24);
    forget(ledger, day, day).await;
    assert!(ledger.job(ended).await.unwrap().is_none());
    assert_eq!(left().await, 1);
    assert_eq!(pages(ledger, of_team("b")).await.0, [waiting]);
    ledger.cancel(waiting, &tester()).await.unwrap();
    assert_eq!(pages(ledger, of_team("b")).await.0, [waiting]);
}
