//! Tables that are read in stretches of keys: the total equals the result of one statement.

use std::time::Duration;

use lethe_common::clock::Clock;
use lethe_common::config::SqlEndpoint;
use lethe_common::filter::{Filter, Path, Scalar};
use lethe_common::job::Field;
use lethe_worker::store::sql::{Keys, SqlStore, SqlTable};
use lethe_worker::store::{Conditions, Query, Start, StoreError, TimeBound};
use serde_json::json;

use super::harness::{Database, mapping, table};
use super::locks::waiting_for_locks;
use super::on_each;
use crate::TIMEOUT;

on_each!(
    stretches_have_every_row_once,
    a_row_without_a_key_is_counted_with_the_first_stretch,
    the_clock_is_said_in_the_words_of_each_column,
    the_newest_of_a_stretch_is_of_its_rows_alone,
);

fn of(user: &str) -> Conditions {
    Conditions::of(vec![(Field::User, user.to_owned())])
}

/// Returns the ends of stretches of so many rows.
async fn ends(opened: &SqlTable, rows: u64) -> Vec<String> {
    let mut ends: Vec<String> = Vec::new();
    loop {
        let keys = Keys {
            after: ends.last().map(String::as_str),
            through: None,
        };
        match opened.stretch(keys, rows).await.unwrap() {
            Some(end) => ends.push(end),
            None => return ends,
        }
    }
}

async fn stretches_have_every_row_once(database: Database) {
    let mapping = database.memories("BIGINT").await;
    for id in 1..=10 {
        let owner = if id % 3 == 0 { "7" } else { "8" };
        database.add(&[(&id.to_string(), owner, "w")]).await;
    }
    let opened = database.open(&mapping).await;
    for (rows, expected) in [(1, 10), (3, 3), (5, 2), (11, 0)] {
        let ends = ends(&opened, rows).await;
        assert_eq!(ends.len(), expected, "{ends:?}");
        let bounds: Vec<Option<&str>> = ends.iter().map(|end| Some(end.as_str())).collect();
        let mut sum = 0;
        for n in 0..=bounds.len() {
            let keys = Keys {
                after: n.checked_sub(1).and_then(|before| bounds[before]),
                through: bounds.get(n).copied().flatten(),
            };
            sum += opened.count_in(&of("7"), keys).await.unwrap();
        }
        assert_eq!(sum, opened.count(&of("7")).await.unwrap());
    }
    let within = Keys {
        after: Some("2"),
        through: Some("4"),
    };
    assert_eq!(opened.stretch(within, 2).await.unwrap().as_deref(), Some("4"));
    assert_eq!(opened.stretch(within, 3).await.unwrap(), None);
}

async fn a_row_without_a_key_is_counted_with_the_first_stretch(database: Database) {
    database
        .run(
            "CREATE TABLE memories (id BIGINT UNIQUE, user_id TEXT, workspace_id TEXT, body TEXT);
             INSERT INTO memories (id, user_id) VALUES (1, 'ana'), (2, 'ana'), (NULL, 'ana'), (NULL, 'ben')",
        )
        .await;
    let opened = database.open(&mapping()).await;
    let count = async |after, through| opened.count_in(&of("ana"), Keys { after, through }).await.unwrap();
    assert_eq!(count(None, None).await, 3);
    assert_eq!((count(None, Some("1")).await, count(Some("1"), None).await), (2, 1));
}

async fn the_clock_is_said_in_the_words_of_each_column(database: Database) {
    let moment = if database.is_postgres() {
        "TIMESTAMPTZ"
    } else if database.is_mysql() {
        "DATETIME(6)"
    } else {
        "DATETIME"
    };
    database
        .run(&format!(
            "CREATE TABLE memories (id BIGINT PRIMARY KEY, at {moment}, secs BIGINT, millis BIGINT, n BIGINT);
             INSERT INTO memories VALUES (1, '2026-01-01 00:00:00', 1767225600, 1767225600000, 12)"
        ))
        .await;
    let until = async |column: &str, counts: serde_json::Value| {
        let mapping = table(json!({
            "name": "memories",
            "columns": {"id": "id", "created_at": column},
            "as": counts,
        }));
        let opened = database.open(&mapping).await;
        let until = opened.until_now(Duration::ZERO).await.unwrap();
        until.map(|Start { written, .. }| match written {
            TimeBound::UpTo(time) => time,
            TimeBound::Unknown => panic!("a clock is known"),
        })
    };
    let now = Clock::system().now();
    let is_now = |at: jiff::Timestamp| now.duration_until(at).as_secs().abs() < 3_600;
    let moment = until("at", json!({})).await.unwrap();
    assert!(is_now(moment.parse().unwrap()), "{moment}");
    let number = |text: String| text.trim_start_matches('i').parse::<i64>().unwrap();
    let said = [json!({"secs": "seconds"}), json!({"millis": "milliseconds"})];
    for [of_secs, of_millis] in [[json!({}), json!({})], said] {
        let secs = number(until("secs", of_secs).await.unwrap());
        let millis = number(until("millis", of_millis).await.unwrap());
        assert!(is_now(jiff::Timestamp::from_second(secs).unwrap()), "{secs}");
        assert!(is_now(jiff::Timestamp::from_millisecond(millis).unwrap()), "{millis}");
    }
    assert_eq!(until("n", json!({})).await, None, "a number of what?");
    assert!(until("n", json!({"n": "seconds"})).await.is_some());
}

async fn the_newest_of_a_stretch_is_of_its_rows_alone(database: Database) {
    database
        .run(
            "CREATE TABLE memories (id BIGINT PRIMARY KEY, user_id TEXT, at BIGINT);
             INSERT INTO memories VALUES (1, 'ana', 100), (2, 'ana', 300), (3, 'ben', 900), (4, 'ana', 200), (5, 'ana', NULL)",
        )
        .await;
    let mapping = table(json!({
        "name": "memories",
        "columns": {"id": "id", "user": "user_id", "created_at": "at"},
    }));
    let opened = database.open(&mapping).await;
    let filter = Filter::OneOf {
        path: Path::column("user_id"),
        values: vec![Scalar::from("ana")],
    };
    let query = |start| {
        Conditions::default().with_query(Query {
            filter: filter.clone().into(),
            start,
        })
    };
    let newest = async |start, after, through| {
        let newest = opened.start_in(&query(start), Keys { after, through }).await.unwrap();
        match newest.unwrap().written {
            TimeBound::UpTo(time) => Some(time.trim_start_matches('i').to_owned()),
            TimeBound::Unknown => None,
        }
    };
    assert_eq!(newest(None, None, None).await.as_deref(), Some("300"));
    assert_eq!(newest(None, None, Some("1")).await.as_deref(), Some("100"));
    assert_eq!(newest(None, Some("2"), None).await.as_deref(), Some("200"));
    assert_eq!(newest(None, Some("4"), None).await, None);
    let mark = if database.is_sqlite() { "i" } else { "" };
    let until = Some(Start {
        written: TimeBound::UpTo(format!("{mark}250")),
        changed: None,
    });
    assert_eq!(
        newest(until, None, None).await.as_deref(),
        Some("200"),
        "no later than asked for"
    );
    let keys = Keys {
        after: Some("1"),
        through: Some("3"),
    };
    opened.decided_in(&query(None), keys).await.unwrap();
}

// In MySQL, only the whole shared server could be set to read only: see the end-to-end tests.
#[tokio::test]
async fn a_session_that_only_reads_is_not_believed() {
    let database = Database::postgres().await;
    let mapping = database.memories("BIGINT").await;
    database.add(&[("1", "7", "w")]).await;
    database
        .run(&format!(
            "ALTER DATABASE {} SET default_transaction_read_only = on",
            database.name()
        ))
        .await;
    let opened = database.open(&mapping).await;
    let is_refused = |error: StoreError| {
        assert!(matches!(error, StoreError::ReadOnly { .. }), "{error:?}");
        assert!(error.is_outage());
    };
    let item = |id: &str| [lethe_worker::store::Item::new(id, &of("7"))];
    is_refused(opened.find(&item("2")).await.unwrap_err());
    is_refused(opened.exists(&["2"]).await.unwrap_err());
    is_refused(opened.count(&of("7")).await.unwrap_err());
    is_refused(opened.count(&of("8")).await.unwrap_err());
    is_refused(opened.page(&of("7"), None, None, 10).await.unwrap_err());
    is_refused(opened.page(&of("8"), None, None, 10).await.unwrap_err());
    is_refused(opened.delete(&item("1")).await.unwrap_err());
    is_refused(opened.ping().await.unwrap_err());
}

// One of two connections only reads. If the other one vouched for its page, no answer would be refused, or both.
#[tokio::test]
async fn an_empty_page_is_vouched_for_by_the_connection_that_read_it() {
    let database = Database::postgres().await;
    let mapping = database.memories("BIGINT").await;
    let endpoint = SqlEndpoint {
        max_connections: 2,
        ..database.endpoint()
    };
    let store = SqlStore::connect_lazy(&endpoint, TIMEOUT).unwrap();
    let opened = SqlTable::open(&store, &mapping).await.unwrap();
    database
        .run(&format!(
            "ALTER DATABASE {} SET default_transaction_read_only = on",
            database.name()
        ))
        .await;
    let nobody = of("8");
    let page = || opened.page(&nobody, None, None, 10);
    for _ in 0..30 {
        // Both pages wait for the lock, so each has its own connection.
        let mut writer = database.pool.begin_with("BEGIN").await.unwrap();
        sqlx::query("LOCK TABLE memories IN ACCESS EXCLUSIVE MODE")
            .execute(&mut *writer)
            .await
            .unwrap();
        let release = async {
            waiting_for_locks(&database, 2).await;
            writer.rollback().await.unwrap();
        };
        let (one, other, ()) = tokio::join!(page(), page(), release);
        let answers = [one, other];
        let refused = answers.iter().filter(|answer| answer.is_err()).count();
        assert_eq!(refused, 1, "{answers:?}");
    }
}
