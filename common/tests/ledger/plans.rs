//! Each statement of the ledger reads few pages beside a long queue and a long history, with any statistics about the
//! tables.
//!
//! The steps call the ledger's functions, and PostgreSQL counts the pages of each statement. A statement of the sources
//! that no step sends fails the test too.

mod ended;
mod fill;
mod operating;
mod tell;
mod work;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use futures::FutureExt as _;
use futures::future::LocalBoxFuture;
use lethe_common::job::JobId;
use lethe_common::ledger::{NewPartition, Route};
use sqlx::{AnyPool, Executor, Row};

use crate::TestLedger;
use crate::backlog::{READ, RESET, Tables, counting};
use crate::support::{ids, route};

/// The most pages that one call of a statement may read. A job's row is in a dozen indexes of some levels each. A scan of
/// any table or index of these tests reads several hundred.
const PAGES: i64 = 200;

/// The statements whose cost grows with the queue: counts of all unfinished jobs, and acts on all of them.
const COUNTS: [&str; 4] = [
    "ledger::backlog",
    "ledger::matching",
    "ledger::service_state jobs",
    "ledger::service_state remaining",
];

/// The statements that still read many pages, and in which state of the tables. PostgreSQL takes another index there.
const UNSOLVED: [(&str, &str); 4] = [
    ("ledger::accept jobs", "Analysed"),
    ("ledger::join unfinished", "New"),
    ("ledger::service_state windows", "New"),
    ("ledger::tasks", "Bloated"),
];

/// The statements that only a single process over SQLite sends, or a user who may not delete audit events.
const ELSEWHERE: [&str; 3] = [
    "ledger::forget overdue events",
    "ledger::sweep all uploads",
    "ledger::sweep leases",
];

/// The number of times that all steps run. PostgreSQL keeps a plan after five executions on a connection.
const ROUNDS: usize = 8;

#[tokio::test]
async fn every_statement_reads_little_whatever_is_known_of_the_tables() {
    let mut watch = Watch::default();
    for tables in Tables::ALL {
        let (test, pool) = counting().await;
        tables.prepare(&pool, fill::fill(&pool)).await;
        for round in 0..ROUNDS {
            // The first scan over dead entries of an index marks them for later ones. So the first round does not count.
            watch.place = (round > 0).then(|| format!("{tables:?}"));
            for step in steps(&test) {
                watch.over(&pool, step).await;
            }
        }
    }
    assert!(watch.much.is_empty(), "these read many pages: {:#?}", watch.much);
    let mut unseen = named();
    unseen.retain(|name| !watch.ran.contains(name) && !ELSEWHERE.contains(&name.as_str()));
    assert!(unseen.is_empty(), "no step sends these: {unseen:#?}");
}

/// Returns the steps. Together they send every statement.
fn steps(test: &TestLedger) -> [LocalBoxFuture<'_, ()>; 16] {
    let ledger = &test.ledger;
    [
        work::accepted(ledger).boxed_local(),
        work::uploaded(test).boxed_local(),
        work::planned(ledger).boxed_local(),
        work::kept_to_a_pace(ledger).boxed_local(),
        work::previewed(ledger).boxed_local(),
        work::unreadable(test).boxed_local(),
        ended::cancelled(ledger).boxed_local(),
        ended::retried(ledger).boxed_local(),
        ended::planned_anew(ledger).boxed_local(),
        ended::given_up(test).boxed_local(),
        ended::forgotten(test).boxed_local(),
        tell::listed(ledger).boxed_local(),
        operating::scheduled(test).boxed_local(),
        operating::paused(ledger).boxed_local(),
        operating::authenticated(test).boxed_local(),
        operating::reported(test).boxed_local(),
    ]
}

/// The statements that ran, and those that read many pages.
#[derive(Default)]
struct Watch {
    /// The state of the tables; `None` while nothing counts.
    place: Option<String>,
    ran: BTreeSet<String>,
    /// The most pages of a call, by statement and state of the tables.
    much: BTreeMap<(String, String), i64>,
}

impl Watch {
    /// Takes a step, and notes the pages that its statements read.
    async fn over(&mut self, pool: &AnyPool, step: LocalBoxFuture<'_, ()>) {
        pool.execute(RESET).await.unwrap();
        step.await;
        for row in pool.fetch_all(READ).await.unwrap() {
            let (name, pages): (String, i64) = (row.get("name"), row.get("pages"));
            let name = name.trim().to_owned();
            if let Some(place) = &self.place
                && pages > PAGES
                && !COUNTS.contains(&name.as_str())
                && !UNSOLVED.contains(&(&name, place))
            {
                let most = self.much.entry((name.clone(), place.clone())).or_insert(0);
                *most = pages.max(*most);
            }
            self.ran.insert(name);
        }
    }
}

/// Returns the names of the statements in the ledger's sources.
fn named() -> BTreeSet<String> {
    let mut open = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src/ledger")];
    let mut names = BTreeSet::new();
    while let Some(path) = open.pop() {
        if path.is_dir() {
            open.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        for part in text.split("-- ledger::").skip(1) {
            let is_name = |c: &char| c.is_ascii_lowercase() || *c == '_' || *c == ' ';
            let name: String = part.chars().take_while(is_name).collect();
            names.insert(format!("ledger::{}", name.trim()));
        }
    }
    assert!(names.len() > 100, "{}", names.len());
    names
}

/// Returns a mapping that no other step has.
fn mapping() -> Route {
    Route {
        digest: JobId::new().to_string(),
        ..route()
    }
}

/// Returns a partition of `n` ids in a mapping.
fn list(mapping: &Route, n: usize) -> NewPartition {
    NewPartition {
        route: mapping.clone(),
        ..ids(n)
    }
}
