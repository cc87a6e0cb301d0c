//! The proposed time columns: whether they hold moments, and the unit of numbers.

use std::collections::BTreeMap;

use lethe_common::config::Columns;
use lethe_common::filter::Unit;

use super::super::column::Holds;
use super::super::dialect::{Dialect, quote, quote_table};
use super::super::filter::unreadable;
use super::super::statement::Sql;
use super::{Known, SqlStore};
use crate::store::StoreError;

/// The number of values of a column that are read.
// The same code wrote the others, so they are alike. A job that uses the column finds a different one before it begins.
const SAMPLE: u32 = 10_000;

/// The range (end excluded) of numbers that count seconds or milliseconds: the years 1973 to 5138.
const UNITS: [(Unit, &str, &str); 2] = [
    (Unit::Seconds, "100000000", "100000000000"),
    (Unit::Milliseconds, "100000000000", "100000000000000"),
];

impl SqlStore {
    /// Returns the units of the proposed time columns, and removes those from the proposal that hold values
    /// which are no times.
    pub(super) async fn times(
        &self,
        known: &Known,
        columns: &mut Columns,
    ) -> Result<BTreeMap<String, Unit>, StoreError> {
        let mut counted = BTreeMap::new();
        for time in [&mut columns.created_at, &mut columns.updated_at] {
            let column = time.as_ref().and_then(|name| known.live.column(self.dialect, name));
            let Some((column, holds)) = column.and_then(|column| Some((column, column.holds.as_ref()?))) else {
                continue;
            };
            let name = quote(&column.name);
            if holds.as_number().is_some()
                && let Some(unit) = self.unit(known, &name).await?
            {
                counted.insert(column.name.clone(), unit);
                continue;
            }
            let as_time = match holds {
                text if text.is_text() => Holds::Moments(Box::new(text.clone())),
                other => other.clone(),
            };
            let odd = unreadable(self.dialect, &format!("m.{name}"), &as_time);
            if let Some(odd) = odd
                && self.has(known, &name, &odd).await?
            {
                *time = None;
            }
        }
        Ok(counted)
    }

    /// Returns the unit of the numbers in a column, if all of them fit it.
    async fn unit(&self, known: &Known, name: &str) -> Result<Option<Unit>, StoreError> {
        if !self.has(known, name, "1 = 1").await? {
            return Ok(None);
        }
        for (unit, least, end) in UNITS {
            let is_number = match self.dialect {
                Dialect::Sqlite => format!("typeof(m.{name}) IN ('integer', 'real') AND "),
                Dialect::Postgres | Dialect::Mysql => String::new(),
            };
            let other = format!("NOT ({is_number}m.{name} >= {least} AND m.{name} < {end})");
            if !self.has(known, name, &other).await? {
                return Ok(Some(unit));
            }
        }
        Ok(None)
    }

    /// Returns whether a condition is true for one of the values in a column `m.name`.
    async fn has(&self, known: &Known, name: &str, condition: &str) -> Result<bool, StoreError> {
        let table = quote_table(&known.name);
        let text = format!(
            "-- store::sql::propose\nSELECT 1 FROM (SELECT {name} FROM {table} WHERE {name} IS NOT NULL LIMIT {SAMPLE}) AS m \
             WHERE {condition} LIMIT 1"
        );
        self.bounded(async {
            let asked = Sql::vouched(self.dialect, text).about(Vec::new());
            Ok(asked.fetch_optional(&self.readers).await?.is_some())
        })
        .await
    }
}
