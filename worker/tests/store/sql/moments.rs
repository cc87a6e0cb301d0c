//! Moments are compared as moments, in every form that a column holds them in.
//!
//! Tests use random moments in the forms that programs write, and compare every range with a comparison of integers.

mod calendar;
mod forms;
mod surroundings;

use lethe_common::config::Table;
use lethe_common::filter::{Bounds, Filter, Path, Scalar};
use lethe_worker::store::{Query, Start, StoreError, TimeBound};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, TestRunner};
use serde_json::json;

use super::filter::{not, query};
use super::harness::{Database, table};
use calendar::{Clock, changes, is_twice, moment};
use forms::{Form, forms};

super::on_each! {
    every_range_is_what_the_instants_say,
    local_times_are_those_of_the_zone_and_never_a_guess,
    the_greatest_moment_is_the_snapshot_not_the_greatest_text,
    a_bound_in_an_hour_that_clocks_show_twice_takes_no_row_of_that_hour,
    what_is_no_moment_is_neither_inside_nor_outside_and_stops_a_job,
}

const SECOND: i64 = 1_000_000;
const ROWS: usize = 40;

/// A bound: its operator and its moment.
type Limit = (&'static str, i64);

fn holds(at: i64, (operator, bound): Limit) -> bool {
    match operator {
        "gt" => at > bound,
        "gte" => at >= bound,
        "lt" => at < bound,
        _ => at <= bound,
    }
}

/// Moments near others, so that bounds meet them: at the ends of seconds, days, months and years.
fn instants() -> impl Strategy<Value = i64> {
    let day = prop_oneof![
        Just((2024, 1, 31)),
        Just((2024, 2, 29)),
        Just((2023, 12, 31)),
        (1990..2030_i64, 1..13_i64, 1..29_i64),
    ];
    let time = prop_oneof![Just(0), Just(86_399), Just(54_000), 0..86_400_i64];
    let micro = prop_oneof![3 => Just(0), 1 => Just(999_999), 1 => Just(500_000), 2 => 0..SECOND];
    (day, time, micro).prop_map(|((year, month, day), time, micro)| moment(year, month, day, time) + micro)
}

fn limits(near: &[i64]) -> impl Strategy<Value = Vec<Limit>> + use<> {
    let near = near.to_vec();
    let shift = prop::sample::select(vec![0, 1, -1, 1_000, -1_000, SECOND, -SECOND, 86_400 * SECOND]);
    let at = || {
        (prop::sample::select(near.clone()), shift.clone(), 0..4_u8).prop_map(|(at, shift, round)| match round {
            0 => (at + shift).div_euclid(86_400 * SECOND) * 86_400 * SECOND,
            _ => at + shift,
        })
    };
    let lower = (prop::sample::select(vec!["gt", "gte"]), at());
    let upper = (prop::sample::select(vec!["lt", "lte"]), at());
    prop_oneof![
        lower.clone().prop_map(|limit| vec![limit]),
        upper.clone().prop_map(|limit| vec![limit]),
        (lower, upper).prop_map(|(lower, upper)| vec![lower, upper]),
    ]
}

/// Returns a moment in one of the spellings that callers use.
fn spelled(at: i64, how: usize) -> Scalar {
    let utc = Clock::at(at, 0);
    let text = match how {
        0 if at % (86_400 * SECOND) == 0 => utc.date(),
        1 if at % SECOND == 0 => format!("{}T{}Z", utc.date(), utc.seconds()),
        2 => {
            let there = Clock::at(at, 7_200);
            format!("{}T{}+02:00", there.date(), there.micros())
        }
        3 => format!("{} {}", utc.date(), utc.micros()),
        _ => format!("{}T{}Z", utc.date(), utc.micros()),
    };
    Scalar::from(text.as_str())
}

fn range(limits: &[Limit], how: usize) -> Filter {
    let mut bounds = Bounds::default();
    for (operator, at) in limits {
        let bound = Some(spelled(*at, how));
        match *operator {
            "gt" => bounds.gt = bound,
            "gte" => bounds.gte = bound,
            "lt" => bounds.lt = bound,
            _ => bounds.lte = bound,
        }
    }
    Filter::Range {
        path: Path::column("at"),
        bounds,
    }
}

/// Makes a table whose column `at` has this form, with rows of these moments and one without any. Returns its mapping,
/// and the moment that each row holds.
async fn filled(
    database: &Database,
    form: &Form,
    instants: &[i64],
    n: usize,
    time_zone: Option<&str>,
) -> (Table, Vec<i64>) {
    let name = format!("notes_{n}");
    database
        .run(&format!(
            "CREATE TABLE {name} (id INTEGER PRIMARY KEY, at {}); CREATE INDEX {name}_at ON {name} (at)",
            form.of
        ))
        .await;
    let (left, literals): (Vec<i64>, Vec<String>) = instants.iter().map(|at| (form.write)(*at)).unzip();
    let rows: Vec<String> = literals
        .iter()
        .enumerate()
        .map(|(id, literal)| format!("({id}, {literal})"))
        .collect();
    database
        .run(&format!(
            "INSERT INTO {name} VALUES {}, ({}, NULL)",
            rows.join(", "),
            left.len()
        ))
        .await;
    let mut mapping = json!({"name": name, "columns": {"id": "id"}, "fields": {"at": "at"}});
    if let Some(unit) = form.unit {
        mapping["as"] = json!({"at": unit});
    }
    if let Some(time_zone) = time_zone {
        mapping["time_zone"] = time_zone.into();
    }
    (table(mapping), left)
}

/// Queries random ranges and their negations. `is_known` tells whether a local time names one moment.
async fn ask(database: &Database, time_zone: Option<&str>, instants: &BoxedStrategy<i64>, is_known: fn(i64) -> bool) {
    let mut runner = TestRunner::new(Config::default());
    let (mut asked, mut some) = (0, 0);
    for (n, form) in forms(database, time_zone.is_some()).iter().enumerate() {
        let rows = prop::collection::vec(instants.clone(), ROWS)
            .new_tree(&mut runner)
            .unwrap()
            .current();
        let (mapping, left) = filled(database, form, &rows, n, time_zone).await;
        let is_local = form.by.contains("SQLAlchemy")
            || form.of.contains("DATETIME")
            || form.of == "TIMESTAMP"
            || form.by == "a text";
        let known = |at: i64| time_zone.is_none() || !is_local || is_known(at);
        // As a field, and as the creation time.
        for is_time in [false, true] {
            let mut mapping = mapping.clone();
            if is_time {
                mapping.columns.as_mut().unwrap().created_at = Some("at".to_owned());
            }
            let opened = database.open(&mapping).await;
            for _ in 0..30 {
                let limits = limits(&left).new_tree(&mut runner).unwrap().current();
                let how = (0..5_usize).new_tree(&mut runner).unwrap().current();
                // A date matches whole days only in one of the spellings.
                let inside = range(&limits, how);
                for negated in [false, true] {
                    let filter = if negated { not(inside.clone()) } else { inside.clone() };
                    let is_meant = |at: i64| known(at) && limits.iter().all(|limit| holds(at, *limit)) != negated;
                    let mut expected: Vec<String> = (0..left.len())
                        .filter(|n| is_meant(left[*n]))
                        .map(|n| n.to_string())
                        .collect();
                    expected.extend(negated.then(|| left.len().to_string()));
                    let text = serde_json::to_string(&filter).unwrap();
                    let found = opened.page(&query(filter), None, None, 1_000).await;
                    let mut found = found.unwrap_or_else(|error| panic!("{} in {}: {error}: {text}", form.by, form.of));
                    expected.sort();
                    found.sort();
                    let odd: Vec<(&str, String)> = (0..left.len())
                        .filter(|n| found.contains(&n.to_string()) != expected.contains(&n.to_string()))
                        .map(|n| (form.by, (form.write)(rows[n]).1))
                        .collect();
                    assert!(
                        odd.is_empty() && found == expected,
                        "{} in {}: {text}\n{odd:?}",
                        form.by,
                        form.of
                    );
                    asked += 1;
                    some += usize::from(!found.is_empty() && found.len() < left.len());
                }
                let one = prop::sample::select(left.clone())
                    .new_tree(&mut runner)
                    .unwrap()
                    .current();
                let equal = Filter::OneOf {
                    path: Path::column("at"),
                    values: vec![spelled(one, 4), spelled(one + 1, 4)],
                };
                // In a column of texts that is no creation time, texts equal only texts.
                if is_time || form.unit.is_some() || !(form.of.contains("TEXT") || form.of.contains("VARCHAR")) {
                    let found = opened.page(&query(equal), None, None, 1_000).await.unwrap().len();
                    let expected = left
                        .iter()
                        .filter(|at| known(**at) && (**at == one || **at == one + 1))
                        .count();
                    assert_eq!(found, expected, "{} in {}: {one}", form.by, form.of);
                }
            }
        }
    }
    // Enough ranges match some rows, and not all.
    assert!(some * 2 > asked, "{some} of {asked}");
}

async fn every_range_is_what_the_instants_say(database: Database) {
    ask(&database, None, &instants().boxed(), |_| true).await;
}

async fn local_times_are_those_of_the_zone_and_never_a_guess(database: Database) {
    // Mostly around the nights of clock changes.
    let nights = (1997..2037_i64, any::<bool>(), -3 * 3_600..3 * 3_600_i64).prop_map(|(year, forward, seconds)| {
        let (one, other) = changes(year);
        (if forward { one } else { other }) + seconds * SECOND
    });
    let days = (1997..2037_i64, 1..13_i64, 1..29_i64, 0..86_400_i64)
        .prop_map(|(year, month, day, seconds)| moment(year, month, day, seconds));
    let instants = prop_oneof![2 => nights, 1 => days].boxed();
    ask(&database, Some("Europe/Berlin"), &instants, |at| !is_twice(at)).await;

    // Clocks that go forward never show the first time.
    database
        .run("CREATE TABLE gaps (id INTEGER PRIMARY KEY, at TEXT); INSERT INTO gaps VALUES (1, '2024-03-31 02:30:00'), (2, '2024-03-31 03:30:00')")
        .await;
    let mapping = json!({"name": "gaps", "columns": {"id": "id", "created_at": "at"}, "time_zone": "Europe/Berlin"});
    let opened = database.open(&table(mapping)).await;
    let before = || range(&[("lt", moment(2030, 1, 1, 0))], 4);
    assert_eq!(opened.page(&query(before()), None, None, 10).await.unwrap(), ["2"]);
    let after = range(&[("gt", moment(2030, 1, 1, 0))], 4);
    assert_eq!(opened.page(&query(not(after)), None, None, 10).await.unwrap(), ["2"]);
    // It is known to be no moment, and stops no query.
    opened.decided(&query(before())).await.unwrap();
}

async fn the_greatest_moment_is_the_snapshot_not_the_greatest_text(database: Database) {
    database
        .run("CREATE TABLE notes (id INTEGER PRIMARY KEY, made TEXT, changed TEXT)")
        .await;
    // As texts, the first is the greatest: a letter comes after a blank.
    database
        .run(
            "INSERT INTO notes VALUES (1, '2024-01-31T09:00:00+02:00', '2024-01-31'), (2, '2024-01-31 08:30:00', '2024-01-31'),
             (3, NULL, NULL)",
        )
        .await;
    let mapping = json!({"name": "notes", "columns": {"id": "id", "created_at": "made", "updated_at": "changed"}});
    let opened = database.open(&table(mapping)).await;
    let start = opened.start(&query(Filter::All)).await.unwrap().unwrap();
    assert_eq!(start.written, TimeBound::UpTo("2024-01-31T08:30:00Z".to_owned()));
    database
        .run(
            "INSERT INTO notes VALUES (4, '2024-01-31T10:31:00+02:00', '2024-01-31'), (5, '2024-01-31T10:30:00+02:00', '2024-01-31'),
             (6, '2024-01-31 08:30:00.000001', '2024-01-31'), (7, '2024-01-31', '2024-01-31T00:00:01Z')",
        )
        .await;
    let begun = query(Filter::All).with_query(Query {
        filter: Filter::All.into(),
        start: Some(start),
    });
    assert_eq!(opened.page(&begun, None, None, 10).await.unwrap(), ["1", "2", "3", "5"]);
}

async fn a_bound_in_an_hour_that_clocks_show_twice_takes_no_row_of_that_hour(database: Database) {
    let local = if database.is_postgres() {
        "TIMESTAMP"
    } else {
        "DATETIME"
    };
    database
        .run(&format!(
            "CREATE TABLE notes (id INTEGER PRIMARY KEY, written TEXT, made {local});
             INSERT INTO notes VALUES (1, '2024-10-27 01:59:59', '2024-10-27 01:59:59'),
             (2, '2024-10-27 02:10:00', '2024-10-27 02:10:00'), (3, '2024-10-27 02:40:00', '2024-10-27 02:40:00'),
             (4, '2024-10-27 03:00:00', '2024-10-27 03:00:00'), (5, NULL, NULL),
             (6, '2024-10-27T02:10:00+02:00', '2024-10-28 00:00:00'),
             (7, '2024-10-27T02:10:00+01:00', '2024-10-28 00:00:00')"
        ))
        .await;
    for (bound, written, made) in [
        // 02:15 in summer time, then in winter time.
        ("2024-10-27T00:15:00Z", "1 5 6", "1 5"),
        ("2024-10-27T01:15:00Z", "1 5 6 7", "1 5"),
        ("2024-10-26T23:59:59Z", "1 5", "1 5"),
        ("2024-10-27T02:00:01Z", "1 2 3 4 5 6 7", "1 2 3 4 5"),
    ] {
        for (column, expected) in [("written", written), ("made", made)] {
            let mapping = json!({
                "name": "notes",
                "columns": {"id": "id", "created_at": column},
                "time_zone": "Europe/Berlin",
            });
            let opened = database.open(&table(mapping)).await;
            let begun = query(Filter::All).with_query(Query {
                filter: Filter::All.into(),
                start: Some(Start {
                    written: TimeBound::UpTo(bound.to_owned()),
                    changed: None,
                }),
            });
            let found = opened.page(&begun, None, None, 10).await.unwrap();
            assert_eq!(found.join(" "), expected, "{column} until {bound}");
        }
    }
}

async fn what_is_no_moment_is_neither_inside_nor_outside_and_stops_a_job(database: Database) {
    database
        .run(
            "CREATE TABLE notes (id INTEGER PRIMARY KEY, owner TEXT, at TEXT, made TEXT);
             INSERT INTO notes VALUES (1, 'ana', '2024-01-31', '2024-01-31'), (2, 'ana', '31/01/2024', '2024-01-31'),
             (3, 'bob', '2024-02-30', '2024-01-31'), (4, 'eve', '2024-01-30', 'yesterday'), (5, 'eve', NULL, NULL)",
        )
        .await;
    let mapping = json!({"name": "notes", "columns": {"id": "id", "user": "owner", "created_at": "made"}, "fields": {"at": "at"}});
    let opened = database.open(&table(mapping)).await;
    let of = |owner: &str, filter: Filter| {
        let owner = Filter::OneOf {
            path: Path::column("owner"),
            values: vec![owner.into()],
        };
        query(owner.and(filter))
    };
    let old = || range(&[("lt", moment(2024, 6, 1, 0))], 4);
    let new = || range(&[("gte", moment(2024, 6, 1, 0))], 4);
    assert_eq!(opened.page(&query(old()), None, None, 10).await.unwrap(), ["1", "4"]);
    assert_eq!(
        opened.page(&query(not(new())), None, None, 10).await.unwrap(),
        ["1", "4", "5"]
    );
    assert_eq!(opened.page(&query(not(old())), None, None, 10).await.unwrap(), ["5"]);

    let refused = async |conditions| match opened.decided(&conditions).await {
        Ok(()) => None,
        Err(StoreError::Mistyped(mistyped)) => Some(mistyped.column),
        Err(error) => panic!("{error}"),
    };
    for filter in [old(), not(new())] {
        assert_eq!(refused(of("ana", filter.clone())).await.as_deref(), Some("at"));
        assert_eq!(refused(of("bob", filter.clone())).await.as_deref(), Some("at"));
        // The check of the snapshot needs the moment too.
        assert_eq!(refused(of("eve", filter)).await.as_deref(), Some("made"));
    }
    // A query whose result does not depend on the moment is not refused.
    let or = Filter::Or {
        any: vec![old(), Filter::All],
        at_least: 1,
    };
    assert_eq!(refused(of("ana", or)).await, None);
    assert_eq!(
        refused(of("ana", old().and(Filter::Ids(vec!["1".to_owned()])))).await,
        None
    );
    let begun = query(old()).with_query(Query {
        filter: old().into(),
        start: Some(Start {
            written: TimeBound::UpTo("2025-01-01T00:00:00Z".to_owned()),
            changed: None,
        }),
    });
    assert_eq!(opened.page(&begun, None, None, 10).await.unwrap(), ["1"]);
}
