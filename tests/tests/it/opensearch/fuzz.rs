//! Random bodies over random rows: no row is deleted that OpenSearch would keep.
//!
//! The [`model`] computes OpenSearch's result from the body and the rows. It shares no code with the compiler of
//! queries. If the result depends on the unknown mapping of a field, the model answers [`model::Truth::Maybe`], and
//! such a row has to stay.
//!
//! `LETHE_TEST_BODIES` sets the number of bodies per database, `LETHE_TEST_SEED` another seed.

mod dates;
mod model;
mod random;
mod rows;

use std::collections::BTreeSet;

use futures::stream::{self, StreamExt};
use lethe_tests::layout::{Layout, Sql};
use lethe_tests::on_each_database;
use lethe_tests::service::{Service, Site};
use lethe_tests::variable;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use model::Truth;
use random::Random;
use rows::Row;

on_each_database!(nothing_goes_that_open_search_would_keep);

/// The number of bodies per database, which take some seconds.
const BODIES: usize = 120;

/// The number of bodies that have their rows at a time.
const ROUND: usize = 60;

/// The number of rows per body.
const ROWS: usize = 14;

/// The number of bodies that are sent at a time.
const AT_ONCE: usize = 6;

/// The totals of a run.
#[derive(Default, Debug)]
struct Seen {
    accepted: usize,
    refused: usize,
    deleted: usize,
    kept: usize,
    /// Rows that stay although OpenSearch would have deleted them.
    spared: usize,
}

#[expect(
    clippy::print_stdout,
    reason = "who runs more bodies wants to know what they came to"
)]
async fn nothing_goes_that_open_search_would_keep(layout: Layout) {
    let number = |name: &str| variable(name).map(|text| text.parse().expect("a number"));
    let bodies = number("LETHE_TEST_BODIES").map_or(BODIES, |n: u64| usize::try_from(n).unwrap());
    let seed = number("LETHE_TEST_SEED").unwrap_or(20_240_131);
    let (site, service) = start(layout).await;
    let mut random = Random::new(seed);
    let (mut tally, mut wrong) = (Seen::default(), Vec::new());
    for round in 0..bodies.div_ceil(ROUND) {
        let many = ROUND.min(bodies - round * ROUND);
        let dated = layout.sql != Sql::Sqlite;
        let cases: Vec<(Value, Vec<Row>)> = (0..many)
            .map(|batch| (random.query(dated), (0..ROWS).map(|_| random.row(batch)).collect()))
            .collect();
        site.memories.run("DELETE FROM notes").await;
        let all: Vec<String> = cases
            .iter()
            .flat_map(|(_, rows)| rows)
            .map(|row| row.values(layout.sql))
            .collect();
        site.memories
            .run(&format!("INSERT INTO notes VALUES {}", all.join(", ")))
            .await;
        let statuses = send(&service, &cases).await;
        let left = left(&site).await;
        for ((query, rows), (status, text)) in cases.iter().zip(statuses) {
            judge(&mut tally, &mut wrong, query, rows, status, &text, &left);
        }
    }
    println!("{layout:?} {tally:?} with the seed {seed}");
    assert!(
        wrong.is_empty(),
        "{} of {bodies}, seed {seed}:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    // Most bodies are accepted, and they match neither all rows nor none.
    assert!(tally.accepted * 2 > bodies, "{tally:?}");
    assert!(
        tally.deleted * 8 > tally.kept && tally.kept * 8 > tally.deleted,
        "{tally:?}"
    );
}

/// Starts a service over a table with a column of each type.
async fn start(layout: Layout) -> (Site, Service) {
    let mut site = Site::new(layout).await;
    let (at, json) = match layout.sql {
        Sql::Sqlite => ("TEXT", "JSON"),
        Sql::Postgres => ("TIMESTAMPTZ", "JSONB"),
        Sql::Mysql => ("DATETIME(6)", "JSON"),
    };
    site.memories
        .run(&format!(
            "CREATE TABLE notes (id VARCHAR NOT NULL PRIMARY KEY, batch BIGINT NOT NULL, owner VARCHAR, title VARCHAR, \
             n BIGINT, f DOUBLE PRECISION, flag BOOLEAN, at {at}, meta {json})"
        ))
        .await;
    let url = site.memories.url().to_owned();
    site.configure(|config| {
        config.without_targets().targets(&format!(
            r#"
[[target]]
name = "notes"
sql = {{ url = "{url}" }}
  [[target.table]]
  name = "notes"
  columns = {{ id = "id", user = "owner" }}
  fields = {{ batch = "batch", title = "title", n = "n", f = "f", flag = "flag", at = "at", meta = "meta" }}
"#
        ))
    });
    let service = site.up().await;
    (site, service)
}

/// Sends each body for its own rows.
async fn send(service: &Service, cases: &[(Value, Vec<Row>)]) -> Vec<(StatusCode, String)> {
    let requests = cases.iter().enumerate().map(|(batch, (query, _))| {
        let body = json!({"query": {"bool": {"filter": [{"term": {"batch": batch}}, query]}}, "conflicts": "proceed"});
        let client = service.client.clone();
        async move {
            let request = client.request(Method::POST, "/notes/_delete_by_query").json(&body);
            let answer = client.send(request).await;
            (answer.status, answer.text)
        }
    });
    stream::iter(requests).buffered(AT_ONCE).collect().await
}

async fn left(site: &Site) -> BTreeSet<String> {
    let list = match site.layout.sql {
        Sql::Sqlite => "SELECT COALESCE(group_concat(id, ' '), '') FROM notes",
        Sql::Mysql => "SELECT COALESCE(JSON_ARRAYAGG(id), '') FROM notes",
        Sql::Postgres => "SELECT COALESCE(string_agg(id, ' '), '') FROM notes",
    };
    let text = site.memories.text(list).await;
    let ids = text.split([' ', ',', '"', '[', ']']).filter(|id| !id.is_empty());
    ids.map(str::to_owned).collect()
}

/// Compares the remaining rows with the model.
fn judge(
    seen: &mut Seen,
    wrong: &mut Vec<String>,
    query: &Value,
    rows: &[Row],
    status: StatusCode,
    text: &str,
    left: &BTreeSet<String>,
) {
    let is_refused = status == StatusCode::BAD_REQUEST;
    if !is_refused && status != StatusCode::OK {
        wrong.push(format!("{status} {text}: {query}"));
    }
    seen.refused += usize::from(is_refused);
    seen.accepted += usize::from(!is_refused);
    for row in rows {
        let is_gone = !left.contains(&row.id);
        seen.deleted += usize::from(is_gone);
        seen.kept += usize::from(!is_gone);
        match model::matches(query, row) {
            Truth::Yes if !is_gone && !is_refused => {
                seen.spared += 1;
                wrong.push(format!("stays: {query}\n  {row:?}"));
            }
            truth if is_gone && (is_refused || truth != Truth::Yes) => {
                wrong.push(format!("gone, {status} {truth:?}: {query}\n  {row:?}"));
            }
            _ => {}
        }
    }
}
