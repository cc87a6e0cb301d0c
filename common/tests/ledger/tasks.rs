//! Tasks: the unfinished deletions by query, page by page.

use std::collections::BTreeSet;

use lethe_common::filter::Filter;
use lethe_common::job::JobId;
use lethe_common::ledger::{Kind, NewJob, NewPartition, Whose, Work};

use crate::support::new_job;
use crate::{TestLedger, accept, ids};

crate::on_both! {
    tasks_are_unfinished_queries_in_pages,
}

fn query() -> NewJob {
    let plan = NewPartition {
        kind: Kind::Plan,
        work: Work::Query,
        remaining: 0,
        ..ids(0)
    };
    NewJob {
        query: Some(Filter::All),
        ..new_job(vec![plan])
    }
}

async fn tasks_are_unfinished_queries_in_pages(TestLedger { ledger, _dir, .. }: TestLedger) {
    let mut tasks = Vec::new();
    for target in [Some("main"), None, Some("other")] {
        let job = NewJob {
            target: target.map(str::to_owned),
            ..query()
        };
        tasks.push(accept(&ledger, job).await);
    }
    let [main, several, other] = tasks[..] else {
        panic!("three tasks")
    };
    // These are no tasks: a dry run, a deletion by ids, a query that has ended.
    let dry_run = NewJob {
        dry_run: true,
        ..query()
    };
    accept(&ledger, dry_run).await;
    accept(&ledger, new_job(vec![ids(1)])).await;
    let ended = accept(&ledger, query()).await;
    ledger.cancel(ended, &crate::tester()).await.unwrap();

    let found =
        async |whose: Whose, after: Option<JobId>, limit: u32| ledger.tasks(&whose, after, limit).await.unwrap();
    assert_eq!(found(Whose::All, None, 10).await, [other, several, main]);
    assert_eq!(found(Whose::All, None, 2).await, [other, several]);
    assert_eq!(found(Whose::All, Some(several), 2).await, [main]);
    assert!(found(Whose::Of("nobody".to_owned()), None, 10).await.is_empty());
    let about = |principal: &str, targets: BTreeSet<String>| Whose::OfOrAbout(principal.to_owned(), targets);
    let of_main = BTreeSet::from(["main".to_owned()]);
    assert_eq!(found(about("nobody", of_main.clone()), None, 10).await, [several, main]);
    assert_eq!(found(about("nobody", of_main.clone()), Some(several), 10).await, [main]);
    assert!(found(about("nobody", BTreeSet::new()), None, 10).await.is_empty());
    let own = Whose::Of("tests".to_owned());
    assert_eq!(found(own, None, 2).await, [other, several]);
    assert_eq!(
        found(about("tests", of_main.clone()), None, 10).await,
        [other, several, main],
        "each once"
    );
    // More targets than one statement asks for.
    let many = (0..250).map(|n| format!("target{n}")).chain(of_main).collect();
    assert_eq!(found(about("tests", many), None, 2).await, [other, several]);

    let jobs = ledger.jobs_of(&[main, JobId::new(), other]).await.unwrap();
    let read: Vec<JobId> = jobs.iter().map(|job| job.id).collect();
    assert_eq!(read, [main, other]);
}
