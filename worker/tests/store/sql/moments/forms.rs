//! The forms in which programs write moments: a column type each, and the value that it stores.

use lethe_common::filter::Unit;

use super::calendar::{Clock, berlin};
use crate::sql::harness::Database;

/// A column of moments.
pub(super) struct Form {
    /// The program that writes it.
    pub(super) by: &'static str,
    /// Its type.
    pub(super) of: &'static str,
    /// The unit of its numbers in the mapping.
    pub(super) unit: Option<Unit>,
    /// Returns the stored moment, in microseconds, and its literal.
    pub(super) write: fn(i64) -> (i64, String),
}

const fn form(by: &'static str, of: &'static str, write: fn(i64) -> (i64, String)) -> Form {
    Form {
        by,
        of,
        unit: None,
        write,
    }
}

const fn counted(by: &'static str, of: &'static str, unit: Unit, write: fn(i64) -> (i64, String)) -> Form {
    Form {
        by,
        of,
        unit: Some(unit),
        write,
    }
}

const SECOND: i64 = 1_000_000;

fn down_to(moment: i64, unit: i64) -> i64 {
    moment - moment.rem_euclid(unit)
}

fn quoted(text: &str) -> String {
    format!("'{text}'")
}

fn utc(moment: i64) -> Clock {
    Clock::at(moment, 0)
}

fn sqlalchemy(at: i64) -> (i64, String) {
    (at, quoted(&format!("{} {}", utc(at).date(), utc(at).micros())))
}

fn day(at: i64) -> (i64, String) {
    (down_to(at, 86_400 * SECOND), quoted(&utc(at).date()))
}

/// Writes no fraction if it is zero.
fn django(at: i64) -> (i64, String) {
    let at = if at % 3 == 0 { down_to(at, SECOND) } else { at };
    let time = if at % SECOND == 0 {
        utc(at).seconds()
    } else {
        utc(at).micros()
    };
    (at, quoted(&format!("{} {time}", utc(at).date())))
}

fn isoformat(at: i64) -> (i64, String) {
    let at = if at % 3 == 0 { down_to(at, SECOND) } else { at };
    let offset = [0, 7_200, -19_800, 20_700][usize::try_from(at.rem_euclid(4)).unwrap()];
    let clock = Clock::at(at, offset);
    let time = if at % SECOND == 0 {
        clock.seconds()
    } else {
        clock.micros()
    };
    let (sign, size) = (if offset < 0 { '-' } else { '+' }, offset.abs());
    let zone = format!("{sign}{:02}:{:02}", size / 3_600, size / 60 % 60);
    (at, quoted(&format!("{}T{time}{zone}", clock.date())))
}

fn prisma_text(at: i64) -> (i64, String) {
    let at = down_to(at, 1_000);
    (at, quoted(&format!("{}T{}+00:00", utc(at).date(), utc(at).millis())))
}

fn javascript(at: i64) -> (i64, String) {
    let at = down_to(at, 1_000);
    (at, quoted(&format!("{}T{}Z", utc(at).date(), utc(at).millis())))
}

fn rfc3339(at: i64) -> (i64, String) {
    let at = down_to(at, SECOND);
    (at, quoted(&format!("{}T{}Z", utc(at).date(), utc(at).seconds())))
}

fn current_timestamp(at: i64) -> (i64, String) {
    let at = down_to(at, SECOND);
    (at, quoted(&format!("{} {}", utc(at).date(), utc(at).seconds())))
}

fn minutes(at: i64) -> (i64, String) {
    let at = down_to(at, 60 * SECOND);
    (at, quoted(&format!("{} {}", utc(at).date(), utc(at).minutes())))
}

fn postgres_text(at: i64) -> (i64, String) {
    (at, quoted(&format!("{} {}+00", utc(at).date(), utc(at).micros())))
}

/// Mixes all of these forms in one column.
fn any_text(at: i64) -> (i64, String) {
    let forms = [
        sqlalchemy,
        day,
        django,
        isoformat,
        prisma_text,
        javascript,
        rfc3339,
        current_timestamp,
        minutes,
        postgres_text,
    ];
    forms[usize::try_from(at.rem_euclid(10)).unwrap()](at)
}

fn seconds(at: i64) -> (i64, String) {
    let at = down_to(at, SECOND);
    (at, (at / SECOND).to_string())
}

fn milliseconds(at: i64) -> (i64, String) {
    let at = down_to(at, 1_000);
    (at, (at / 1_000).to_string())
}

/// A float that is exact: a multiple of an eighth of a second.
fn float_seconds(at: i64) -> (i64, String) {
    let at = down_to(at, SECOND / 8);
    (at, format!("{}.{:06}e0", at / SECOND, at % SECOND))
}

fn decimal_seconds(at: i64) -> (i64, String) {
    (at, format!("{}.{:06}", at / SECOND, at % SECOND))
}

fn decimal_milliseconds(at: i64) -> (i64, String) {
    (at, format!("{}.{:03}", at / 1_000, at % 1_000))
}

/// Writes Berlin's local time.
fn in_berlin(at: i64) -> (i64, String) {
    let clock = Clock::at(at, berlin(at));
    (at, quoted(&format!("{} {}", clock.date(), clock.micros())))
}

use Unit::{Milliseconds, Seconds};

const SQLITE: &[Form] = &[
    form("SQLAlchemy's DateTime", "DATETIME", sqlalchemy),
    form("SQLAlchemy's Date", "DATE", day),
    form("Django's DateTimeField", "datetime", django),
    counted("Prisma's DateTime", "DATETIME", Milliseconds, milliseconds),
    form("Prisma's DateTime by an adapter", "DATETIME", prisma_text),
    counted("Drizzle's timestamp", "INTEGER", Seconds, seconds),
    counted("Drizzle's timestamp_ms", "INTEGER", Milliseconds, milliseconds),
    form("Drizzle's text", "TEXT", current_timestamp),
    counted("Agno", "BIGINT", Seconds, seconds),
    form("JavaScript", "TEXT", javascript),
    form("Python's isoformat", "VARCHAR(40)", isoformat),
    form("the documentation", "TIMESTAMP", rfc3339),
    form("a form", "TEXT", minutes),
    form("a dump of PostgreSQL", "TEXT", postgres_text),
    form("everybody", "TEXT", any_text),
    form("everybody, in a column for dates", "TIMESTAMP", any_text),
    counted("Python's time", "REAL", Seconds, float_seconds),
];

const POSTGRES: &[Form] = &[
    form("SQLAlchemy's DateTime", "TIMESTAMP", sqlalchemy),
    form("Django's DateTimeField", "TIMESTAMPTZ", isoformat),
    form("Prisma's DateTime", "TIMESTAMP(3)", prisma_text),
    form("Drizzle's timestamp", "TIMESTAMP(6)", current_timestamp),
    form("a date", "DATE", day),
    counted("Agno", "BIGINT", Seconds, seconds),
    counted("Drizzle's bigint", "BIGINT", Milliseconds, milliseconds),
    counted("an integer", "INTEGER", Seconds, seconds),
    counted("Python's time", "DOUBLE PRECISION", Seconds, float_seconds),
    counted("extract(epoch)", "NUMERIC", Seconds, decimal_seconds),
    counted(
        "a decimal of milliseconds",
        "NUMERIC(20, 3)",
        Milliseconds,
        decimal_milliseconds,
    ),
    form("everybody", "TEXT", any_text),
    form("Python's isoformat", "VARCHAR(40)", isoformat),
];

const MYSQL: &[Form] = &[
    form("SQLAlchemy's DateTime", "DATETIME(6)", sqlalchemy),
    form("Django's DateTimeField", "DATETIME(6)", django),
    form("Prisma's DateTime", "DATETIME(3)", javascript_without_zone),
    form("Drizzle's datetime", "DATETIME", current_timestamp),
    form("Drizzle's timestamp", "TIMESTAMP(6)", sqlalchemy),
    form("a date", "DATE", day),
    counted("Agno", "BIGINT", Seconds, seconds),
    counted("without a sign", "BIGINT UNSIGNED", Milliseconds, milliseconds),
    counted("Python's time", "DOUBLE", Seconds, float_seconds),
    counted("a decimal", "DECIMAL(20, 6)", Seconds, decimal_seconds),
    form("everybody", "VARCHAR(40)", any_text),
    form("Python's isoformat", "VARCHAR(40)", isoformat),
];

fn javascript_without_zone(at: i64) -> (i64, String) {
    let at = down_to(at, 1_000);
    (at, quoted(&format!("{} {}", utc(at).date(), utc(at).millis())))
}

const SQLITE_IN_BERLIN: &[Form] = &[
    form("SQLAlchemy", "DATETIME", in_berlin),
    form("SQLAlchemy, in a text", "TEXT", in_berlin),
    form("what has an offset", "TEXT", isoformat),
    counted("numbers", "INTEGER", Seconds, seconds),
];
const POSTGRES_IN_BERLIN: &[Form] = &[
    form("a time without a zone", "TIMESTAMP", in_berlin),
    form("a time with a zone", "TIMESTAMPTZ", isoformat),
    form("a text", "TEXT", in_berlin),
];
const MYSQL_IN_BERLIN: &[Form] = &[
    form("a DATETIME", "DATETIME(6)", in_berlin),
    form("a TIMESTAMP", "TIMESTAMP(6)", sqlalchemy),
    form("a text", "VARCHAR(40)", in_berlin),
];

/// Returns the forms of a database's columns.
pub(super) fn forms(database: &Database, is_berlin: bool) -> &'static [Form] {
    match (database.is_sqlite(), database.is_postgres(), is_berlin) {
        (true, _, false) => SQLITE,
        (_, true, false) => POSTGRES,
        (_, _, false) => MYSQL,
        (true, _, true) => SQLITE_IN_BERLIN,
        (_, true, true) => POSTGRES_IN_BERLIN,
        (_, _, true) => MYSQL_IN_BERLIN,
    }
}
