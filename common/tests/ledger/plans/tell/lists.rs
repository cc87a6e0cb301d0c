//! Lists of jobs with each filter: with a value that no job has, and with one that few have.

use std::collections::{BTreeMap, BTreeSet};

use lethe_common::error_code::ErrorCode;
use lethe_common::job::{JobId, SelectorKind};
use lethe_common::ledger::{ExecutionOptions, JobFilter, Ledger, MarkFilter, Marks, NewJob, Scope, Whose};
use lethe_common::state::State;
use strum::IntoEnumIterator as _;

use super::all;
use crate::plans::{list, mapping};
use crate::support::new_job;
use crate::{accept, tester};

/// The value that few jobs have.
const RARE: &str = "rare";

/// Lists with each filter.
pub(super) async fn filtered(ledger: &Ledger) {
    let rare = rare(ledger).await;
    for filter in filters(RARE) {
        let jobs = ledger.jobs(&filter).await.unwrap().jobs;
        assert_eq!(jobs.first().map(|job| job.id), Some(rare), "{filter:?}");
    }
    for filter in filters("unknown") {
        let page = ledger.jobs(&filter).await.unwrap();
        assert!(page.jobs.is_empty() && page.next.is_none(), "{filter:?}");
    }
    for filter in words() {
        ledger.jobs(&filter).await.unwrap();
    }
    for target in ["main", RARE, "unknown"] {
        let whose = Whose::OfOrAbout("nobody".to_owned(), BTreeSet::from([target.to_owned()]));
        let jobs = ledger.jobs(&all(whose)).await.unwrap().jobs;
        assert_eq!(jobs.iter().any(|job| job.id == rare), target == RARE, "{target}");
    }
}

/// Ends a job that has the rare value everywhere. Returns its id.
async fn rare(ledger: &Ledger) -> JobId {
    let job = NewJob {
        scope: Scope {
            principal: RARE.to_owned(),
            route: "/v1/jobs",
        },
        target: Some(RARE.to_owned()),
        execution: ExecutionOptions {
            schedule: Some(RARE.to_owned()),
            marks: Marks {
                reference: Some(RARE.to_owned()),
                labels: BTreeMap::from([("team".to_owned(), RARE.to_owned())]),
            },
            ..ExecutionOptions::default()
        },
        ..new_job(vec![list(&mapping(), 1)])
    };
    let id = accept(ledger, job).await;
    ledger.cancel(id, &tester()).await.unwrap();
    id
}

/// Returns a filter of each kind for this value.
fn filters(value: &str) -> [JobFilter; 5] {
    let some = || Some(value.to_owned());
    let marked = |reference, label| JobFilter {
        marks: MarkFilter { reference, label },
        ..all(Whose::All)
    };
    [
        JobFilter {
            principal: some(),
            ..all(Whose::All)
        },
        JobFilter {
            target: some(),
            ..all(Whose::All)
        },
        JobFilter {
            schedule: some(),
            ..all(Whose::All)
        },
        marked(some(), None),
        marked(None, Some(("team".to_owned(), value.to_owned()))),
    ]
}

/// Returns a filter for each word of the closed sets. Some jobs have most of them, and no job has the others.
fn words() -> Vec<JobFilter> {
    let states = State::iter().map(|state| JobFilter {
        state: Some(state),
        ..all(Whose::All)
    });
    let kinds = SelectorKind::iter().map(|kind| JobFilter {
        kind: Some(kind),
        ..all(Whose::All)
    });
    let codes = ErrorCode::iter().map(|code| JobFilter {
        error_code: Some(code),
        ..all(Whose::All)
    });
    states.chain(kinds).chain(codes).collect()
}
