//! Each statement of the ledger reads few pages beside a long queue and a long history, with any statistics about the
//! tables.
//!
//! The steps call the ledger's functions, and PostgreSQL counts the pages of each statement. A statement of the sources
//! that no step sends fails the test too.

mod count;
mod ended;
mod fill;
mod holds;
mod operating;
mod tell;
mod work;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::path::Path;

use futures::FutureExt as _;
use futures::future::LocalBoxFuture;
use lethe_common::job::JobId;
use lethe_common::ledger::{Ledger, LedgerOptions, NewPartition, Route};
use sqlx::AnyPool;

use crate::backlog::{Tables, counting};
use crate::support::{ids, route};
use crate::{LEASE, TestLedger, options};

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

/// The statements that only a single process over SQLite sends, or a user who may not delete audit events.
const ELSEWHERE: [&str; 5] = [
    "ledger::forget overdue events",
    "ledger::forget overdue receipts",
    "ledger::sweep all uploads",
    "ledger::sweep leases",
    "ledger::sweep log",
];

/// The kinds of plans. By default PostgreSQL plans five executions on a connection for their values. After that it may
/// keep a plan for all values. Here a setting chooses the kind, whatever connection has a statement.
const PLANS: [&str; 2] = ["force_custom_plan", "force_generic_plan"];

/// The number of times that all steps count with each kind of plans. Tables and indexes grow a little in between.
const ROUNDS: usize = 2;

/// The number of connections: the fewest that a ledger has.
const CONNECTIONS: u32 = 2;

#[tokio::test]
async fn every_statement_reads_little_in_empty_tables() {
    reads_little(Tables::Empty).await;
}

#[tokio::test]
async fn every_statement_reads_little_in_new_tables() {
    reads_little(Tables::New).await;
}

#[tokio::test]
async fn every_statement_reads_little_in_analysed_tables() {
    reads_little(Tables::Analysed).await;
}

#[tokio::test]
async fn every_statement_reads_little_in_bloated_tables() {
    reads_little(Tables::Bloated).await;
}

#[tokio::test]
async fn every_statement_reads_little_with_statistics_from_before_the_queue() {
    reads_little(Tables::Grown).await;
}

/// Takes all steps over tables in this state, with both kinds of plans.
async fn reads_little(tables: Tables) {
    let (mut test, pool) = counting().await;
    tables.prepare(&pool, fill::fill(&pool)).await;
    let mut watch = Watch::default();
    for plans in PLANS {
        test.ledger.close().await;
        let url = format!("{}?options[plan_cache_mode]={plans}", test.url);
        test.ledger = Ledger::open(LedgerOptions {
            max_connections: CONNECTIONS,
            ..options(url, LEASE)
        })
        .unwrap();
        // The first scan over dead entries of an index marks them for later ones. So the first round does not count.
        for step in 0..steps(&test).len() {
            drop(watch.taken(&test, &pool, step).await);
        }
        for _ in 0..ROUNDS {
            for step in 0..steps(&test).len() {
                watch.over(&test, &pool, step).await;
            }
        }
    }
    assert!(watch.much.is_empty(), "these read many pages: {:#?}", watch.much);
    let mut unseen = named();
    unseen.retain(|name| !watch.ran.contains(name) && !ELSEWHERE.contains(&name.as_str()));
    assert!(unseen.is_empty(), "no step sends these: {unseen:#?}");
}

/// Returns the steps. Together they send every statement.
fn steps(test: &TestLedger) -> [LocalBoxFuture<'_, ()>; 20] {
    let ledger = &test.ledger;
    [
        work::accepted(ledger).boxed_local(),
        work::small(ledger).boxed_local(),
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
        operating::logged(ledger).boxed_local(),
        holds::placed(test).boxed_local(),
        holds::held(test).boxed_local(),
    ]
}

/// The statements that ran, and those that read many pages.
#[derive(Default)]
struct Watch {
    /// The names of statements, by PostgreSQL's id.
    names: HashMap<i64, Option<String>>,
    ran: BTreeSet<String>,
    /// The pages of a call, by statement.
    much: BTreeMap<String, i64>,
}

impl Watch {
    /// Takes a step, and notes the statements that read many pages each time.
    async fn over(&mut self, test: &TestLedger, pool: &AnyPool, step: usize) {
        let mut much = self.taken(test, pool, step).await;
        // A connection may have to read the catalogue again about all indexes of a table, 280 pages for an insertion into
        // `jobs`. That is no work on rows, and no connection does so twice in a row. A plan reads much again.
        for _ in 0..CONNECTIONS {
            if much.is_empty() {
                return;
            }
            let again = self.taken(test, pool, step).await;
            much.retain(|name, _| again.contains_key(name));
        }
        self.much.append(&mut much);
    }

    /// Takes a step once. Returns the statements that read many pages, with the pages of a call.
    async fn taken(&mut self, test: &TestLedger, pool: &AnyPool, step: usize) -> BTreeMap<String, i64> {
        let before = count::read(pool).await;
        steps(test).into_iter().nth(step).expect("a step").await;
        let after = count::read(pool).await;
        if !after.keys().all(|query| self.names.contains_key(query)) {
            self.names = count::names(pool).await;
        }
        let mut much = BTreeMap::new();
        for (query, count) in after {
            let before = before.get(&query).copied().unwrap_or_default();
            let (Some(Some(name)), Some(pages)) = (self.names.get(&query), count.pages_since(before)) else {
                continue;
            };
            self.ran.insert(name.clone());
            if pages > PAGES && !COUNTS.contains(&name.as_str()) {
                let most = much.entry(name.clone()).or_insert(pages);
                *most = pages.max(*most);
            }
        }
        much
    }
}

/// Returns the names of the statements in the ledger's sources.
fn named() -> BTreeSet<String> {
    let mut open = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("../src/ledger")];
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
