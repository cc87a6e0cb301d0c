//! Reading rows: a bad value is an error that names table, column and row, never a panic.

use std::collections::BTreeMap;
use std::str::FromStr;

use sqlx::Row;
use sqlx::any::AnyRow;
use strum::IntoEnumIterator as _;

use super::error::LedgerError;
use crate::error_code::StoredCode;
use crate::job::{JobId, StoreKind};
use crate::ledger::types::{Fence, Marks, Work};
use crate::route::Route;

/// Reads a column and parses it.
pub(in crate::ledger) fn parsed<T: FromStr>(
    row: &AnyRow,
    table: &'static str,
    column: &'static str,
) -> Result<T, LedgerError> {
    let text: String = row.try_get(column)?;
    text.parse().map_err(|_| LedgerError::Corrupt {
        table,
        column,
        row: key_of(row),
    })
}

/// Reads a column of text that may be NULL.
pub(in crate::ledger) fn parsed_if_any<T: FromStr>(
    row: &AnyRow,
    table: &'static str,
    column: &'static str,
) -> Result<Option<T>, LedgerError> {
    match row.try_get::<Option<String>, _>(column)? {
        Some(_) => parsed(row, table, column).map(Some),
        None => Ok(None),
    }
}

/// Returns whether a column holds a word of a closed set.
pub(in crate::ledger) fn says(row: &AnyRow, column: &str, word: impl Into<&'static str>) -> Result<bool, LedgerError> {
    Ok(row.try_get::<String, _>(column)? == word.into())
}

/// Reads a JSON column.
pub(in crate::ledger) fn json<T: serde::de::DeserializeOwned>(
    row: &AnyRow,
    table: &'static str,
    column: &'static str,
) -> Result<T, LedgerError> {
    let text: String = row.try_get(column)?;
    serde_json::from_str(&text).map_err(|_| LedgerError::Corrupt {
        table,
        column,
        row: key_of(row),
    })
}

/// Reads an error code that may be NULL.
pub(in crate::ledger) fn code(row: &AnyRow, column: &str) -> Result<Option<StoredCode>, LedgerError> {
    Ok(row.try_get::<Option<String>, _>(column)?.map(StoredCode::from))
}

/// Reads the columns of marks.
pub(in crate::ledger) fn marks(row: &AnyRow, table: &'static str) -> Result<Marks, LedgerError> {
    let labels = match row.try_get::<Option<String>, _>("labels")? {
        Some(_) => json(row, table, "labels")?,
        None => BTreeMap::new(),
    };
    let reference = row.try_get("reference")?;
    Ok(Marks { reference, labels })
}

/// Reads a number. A negative number becomes 0.
pub(in crate::ledger) fn number(row: &AnyRow, column: &str) -> Result<u64, LedgerError> {
    Ok(u64::try_from(row.try_get::<i64, _>(column)?).unwrap_or(0))
}

pub(in crate::ledger) fn small_number(row: &AnyRow, column: &str) -> Result<u32, LedgerError> {
    Ok(u32::try_from(row.try_get::<i64, _>(column)?).unwrap_or(u32::MAX))
}

pub(in crate::ledger) fn stores(row: &AnyRow) -> Result<Vec<StoreKind>, LedgerError> {
    Ok(stores_in(row.try_get("stores")?))
}

/// Returns the stores that a text names.
pub(in crate::ledger) fn stores_in(text: &str) -> Vec<StoreKind> {
    let named = |store: &StoreKind| text.contains(store.as_str());
    StoreKind::iter().filter(named).collect()
}

pub(in crate::ledger) fn route(row: &AnyRow) -> Result<Route, LedgerError> {
    let text: String = row.try_get("route")?;
    let mut parts = text.split('/').map(str::to_owned);
    match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(target), Some(table), Some(digest), None) => Ok(Route { target, table, digest }),
        _ => Err(LedgerError::Corrupt {
            table: "partitions",
            column: "route",
            row: key_of(row),
        }),
    }
}

pub(in crate::ledger) fn work(row: &AnyRow) -> Result<Work, LedgerError> {
    json(row, "partitions", "work")
}

/// Returns the key of a row, for errors. It holds no other column.
fn key_of(row: &AnyRow) -> String {
    let id = row
        .try_get::<String, _>("id")
        .or_else(|_| row.try_get::<String, _>("job_id"))
        .or_else(|_| row.try_get::<String, _>("name"))
        .unwrap_or_default();
    row.try_get::<i64, _>("ordinal")
        .map_or_else(|_| id.clone(), |ordinal| format!("{id}/{ordinal}"))
}

/// Returns a fence as an element of the JSON array that a statement reads.
pub(in crate::ledger) fn fence(fence: Fence) -> serde_json::Value {
    serde_json::json!({"job": fence.job, "ordinal": fence.ordinal, "token": fence.token})
}

/// The condition for the partition of such an element, if its lease is still held.
// `|| ''` keeps PostgreSQL from using an index for the state. To find a few partitions, it would read all that wait or
// run, and all that did since the last vacuum.
pub(in crate::ledger) const HELD: &str = "{by_key} AND partitions.lease_token = CAST(e.value->>'token' AS BIGINT) AND partitions.state || '' = {partition.running}";

/// The condition that a job has not ended, for jobs that a statement finds by their ids.
// `CASE` hides it from the planner. With statistics from before the queue grew, PostgreSQL expects no such job, and would
// read an index of all unfinished ones.
pub(in crate::ledger) const UNENDED: &str = "CASE WHEN jobs.ended_at IS NULL THEN TRUE ELSE FALSE END";

/// The key of a partition.
pub(in crate::ledger) type Key = (JobId, i64);

pub(in crate::ledger) fn key(row: &AnyRow) -> Result<Key, LedgerError> {
    Ok((parsed(row, "partitions", "job_id")?, row.try_get("ordinal")?))
}
