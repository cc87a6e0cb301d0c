//! Expressions that name a column, read it as text, order it and compare it with a value, by its type.

use std::fmt::Write;

use lethe_common::job::StoreKind;

use super::column::{Column, Kind, Names};
use super::dialect::{Dialect, quote};
use crate::store::StoreError;

pub(super) fn reach(column: &Column, table: &str) -> String {
    format!("{table}.{}", quote(&column.name))
}

pub(super) fn typed(column: &Column, value: &str) -> String {
    typed_value(&column.kind, value)
}

/// Returns a value cast to the column's type.
pub(super) fn typed_value(kind: &Kind, value: &str) -> String {
    match kind {
        // Compared by bytes, see `ordered`.
        Kind::Text { binary: false, .. } | Kind::Dynamic | Kind::Hex => value.to_owned(),
        Kind::Text { type_name, .. } => format!("{value}::{type_name}"),
        Kind::Uuid => format!("{value}::pg_catalog.uuid"),
        Kind::Integer(16) => format!("{value}::pg_catalog.int2"),
        Kind::Integer(32) => format!("{value}::pg_catalog.int4"),
        Kind::Integer(_) => format!("{value}::pg_catalog.int8"),
        Kind::Collated { charset, collation, .. } => format!("CONVERT({value} USING {charset}) COLLATE {collation}"),
        Kind::Whole { signed: true, .. } => format!("CAST({value} AS SIGNED)"),
        Kind::Whole { signed: false, .. } => format!("CAST({value} AS UNSIGNED)"),
        Kind::NativeUuid => format!("CAST({value} AS UUID)"),
        Kind::Bytes {
            dialect: Dialect::Postgres,
            ..
        } => format!("pg_catalog.decode({value}, 'hex')"),
        Kind::Bytes { .. } => format!("unhex({value})"),
    }
}

/// MySQL: returns the bytes of a text, whatever its character set.
pub(super) fn bytes(text: &str) -> String {
    format!("CAST(CONVERT({text} USING utf8mb4) AS BINARY)")
}

/// Returns a text of the configuration as a constant in a statement, written as the hexadecimal digits of its bytes:
/// nothing needs a quote.
pub(super) fn literal(dialect: Dialect, text: &str) -> String {
    let digits = digits(text.as_bytes());
    match dialect {
        Dialect::Postgres => format!("pg_catalog.convert_from(pg_catalog.decode('{digits}', 'hex'), 'UTF8')"),
        Dialect::Sqlite => format!("CAST(x'{digits}' AS TEXT)"),
        Dialect::Mysql => format!("CONVERT(x'{digits}' USING utf8mb4)"),
    }
}

fn digits(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut digits, byte| {
        write!(digits, "{byte:02x}").expect("a String takes any text");
        digits
    })
}

/// Returns the hexadecimal digits of a text's bytes, and `-` for NULL.
pub(super) fn as_digits(dialect: Dialect, text: &str) -> String {
    match dialect {
        Dialect::Postgres => {
            format!("COALESCE(pg_catalog.encode(pg_catalog.convert_to({text}, 'UTF8'), 'hex'), '-')")
        }
        // SQLite's `hex` returns an empty text for NULL.
        Dialect::Sqlite => format!("CASE WHEN {text} IS NULL THEN '-' ELSE hex({text}) END"),
        Dialect::Mysql => format!("COALESCE(HEX(CONVERT({text} USING utf8mb4)), '-')"),
    }
}

/// Returns the text that [`as_digits`] wrote as digits, or an error if they are not the digits of a text.
pub(super) fn from_digits(digits: &str) -> Result<Option<String>, StoreError> {
    if digits == "-" {
        return Ok(None);
    }
    let byte = |pair: &[u8]| {
        let pair = std::str::from_utf8(pair).ok().filter(|pair| pair.len() == 2)?;
        u8::from_str_radix(pair, 16).ok()
    };
    let bytes: Option<Vec<u8>> = digits.as_bytes().chunks(2).map(byte).collect();
    let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
    text.map(Some).ok_or(StoreError::Unreadable(StoreKind::Sql))
}

// Compares by the column's type, so that its index is used. Where the column's equality is, or may
// be, wider than that of bytes, it compares bytes too.
pub(super) fn equals(column: &Column, table: &str, value: &str) -> String {
    match &column.names {
        Some(names) => named(column, names, table, &equals(&names.name, "o", value)),
        None => equals_value(&column.kind, &reach(column, table), value),
    }
}

/// Returns the condition that a column references a row `o` that meets a condition.
pub(super) fn named(column: &Column, names: &Names, table: &str, condition: &str) -> String {
    let (left, id) = (reach(column, table), format!("o.{}", quote(&names.id)));
    let chosen = |chosen: &str| format!("(SELECT {chosen} FROM {} AS o WHERE {condition})", names.table);
    let refers = format!("{left} IN {}", chosen(&id));
    match exact(&column.kind) {
        Some(exact) => format!("{refers} AND {} IN {}", exact(&left), chosen(&exact(&id))),
        None => refers,
    }
}

/// Returns the condition that a column references no row `o`: nothing says whose its row is.
pub(super) fn dangles(column: &Column, names: &Names, table: &str) -> String {
    let (left, id) = (reach(column, table), format!("o.{}", quote(&names.id)));
    let mut same = format!("{id} = {left}");
    if let Some(exact) = exact(&column.kind) {
        same = format!("{same} AND {} = {}", exact(&id), exact(&left));
    }
    format!(
        "({left} IS NOT NULL AND NOT EXISTS (SELECT 1 FROM {} AS o WHERE {same}))",
        names.table
    )
}

/// Returns the form in which references and ids are compared too, if their column may treat different ones as equal.
fn exact(kind: &Kind) -> Option<fn(&str) -> String> {
    match kind {
        Kind::Collated { .. } => Some(bytes),
        Kind::Dynamic | Kind::Hex => Some(|text| format!("CAST({text} AS TEXT) COLLATE BINARY")),
        Kind::Text { .. }
        | Kind::Uuid
        | Kind::Integer(_)
        | Kind::Whole { .. }
        | Kind::NativeUuid
        | Kind::Bytes { .. } => None,
    }
}

/// Returns the condition that a column has a value.
pub(super) fn equals_value(kind: &Kind, left: &str, value: &str) -> String {
    match kind {
        Kind::Text { type_name, equals, .. } => format!(
            "{left} {equals} {value}::{type_name} AND {left}::pg_catalog.text COLLATE pg_catalog.\"C\" = {value}"
        ),
        Kind::Uuid | Kind::Integer(_) | Kind::Whole { .. } | Kind::NativeUuid | Kind::Bytes { .. } => {
            format!("{left} = {}", typed_value(kind, value))
        }
        // The first comparison uses the index. Collations ignore case, accents, and blanks at the end. Even
        // those that compare character codes ignore such blanks.
        Kind::Collated { .. } => format!(
            "{left} = {} AND {} = {}",
            typed_value(kind, value),
            bytes(left),
            bytes(value),
        ),
        Kind::Dynamic | Kind::Hex => {
            format!("{left} = {value} AND CAST({left} AS TEXT) = {value} COLLATE BINARY")
        }
    }
}

// Pages need an order in which different ids are never equal: the column's own, or that of bytes
// where the column may treat two ids as equal.
pub(super) fn ordered(column: &Column) -> String {
    let key = reach(column, "m");
    match &column.kind {
        Kind::Text { binary: false, .. } => {
            format!("{key}::pg_catalog.text COLLATE pg_catalog.\"C\"")
        }
        Kind::Dynamic | Kind::Hex => format!("{key} COLLATE BINARY"),
        // MySQL's unique index refuses two ids that its collation treats as equal.
        Kind::Text { .. }
        | Kind::Uuid
        | Kind::Integer(_)
        | Kind::Collated { .. }
        | Kind::Whole { .. }
        | Kind::NativeUuid
        | Kind::Bytes { .. } => key,
    }
}

pub(super) fn as_text(dialect: Dialect, column: &Column, table: &str) -> String {
    let (kind, column) = (&column.kind, reach(column, table));
    match dialect {
        _ if matches!(kind, Kind::Bytes { .. }) => bytes_as_text(dialect, &column),
        Dialect::Postgres => format!("{column}::pg_catalog.text"),
        Dialect::Sqlite => format!("CAST({column} AS TEXT)"),
        Dialect::Mysql => mysql_text(kind, &column),
    }
}

/// Returns the column's value as callers name it: for a reference, the name in the referenced row.
pub(super) fn as_named(dialect: Dialect, column: &Column, table: &str) -> String {
    let Some(names) = &column.names else {
        return as_text(dialect, column, table);
    };
    format!(
        "(SELECT {name} FROM {of} AS o WHERE o.{id} = {reference} LIMIT 1)",
        name = as_text(dialect, &names.name, "o"),
        of = names.table,
        id = quote(&names.id),
        reference = reach(column, table),
    )
}

fn bytes_as_text(dialect: Dialect, column: &str) -> String {
    match dialect {
        Dialect::Postgres => format!("pg_catalog.encode({column}, 'hex')"),
        Dialect::Sqlite | Dialect::Mysql => format!("lower(hex({column}))"),
    }
}

// `zerofill` belongs to the column: a sum has no leading zeros.
fn mysql_text(kind: &Kind, column: &str) -> String {
    match kind {
        Kind::Whole { .. } => format!("CAST({column} + 0 AS CHAR)"),
        _ => format!("CAST({column} AS CHAR)"),
    }
}

// Compares by the reference's own equality, so that its index is used, and by that of the ids: a
// foreign key accepts every value that its collation treats as equal.
pub(super) fn refers(reference: &Kind, id: &Kind, column: &str, value: &str) -> String {
    match (reference, id) {
        (Kind::Collated { .. }, Kind::Collated { hex: false, .. }) if reference == id => {
            format!("{column} = {}", typed_value(id, value))
        }
        (
            Kind::Collated { .. },
            Kind::Collated {
                charset, hex: false, ..
            },
        ) => format!(
            "{column} = {} AND CONVERT({column} USING {charset}) = {}",
            typed_value(reference, value),
            typed_value(id, value),
        ),
        _ => equals_value(reference, column, value),
    }
}
