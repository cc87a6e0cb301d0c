//! The columns that hold moments, and their form.

use std::collections::BTreeMap;

use lethe_common::config::{Table, TimeZone};
use lethe_common::filter::{Type, Zone};
use sqlx::Row;

use super::super::column::{Declared, Holds};
use super::super::connect::CallError;
use super::super::dialect::{quote, quote_table};
use super::super::schema::LiveTable;
use super::super::statement::Sql;
use super::check::{Check, inside};
use crate::store::fault::nearest;

impl Check<'_> {
    /// Returns the time zone of moments without an offset, if the mapping names one.
    pub(super) fn zone(&mut self, table: &Table) -> Option<Zone> {
        let zone = table.time_zone.as_ref().map(TimeZone::zone);
        if matches!(zone, Some(None)) {
            // Local times of an unknown zone must not be read as UTC.
            self.fault("time_zone", "this machine does not know the time zone".to_owned(), None);
        }
        zone.flatten()
    }

    /// Marks columns of numbers as moments, as the mapping says.
    pub(super) fn counted(
        &mut self,
        table: &Table,
        name: &str,
        live: Option<&LiveTable>,
        asked: &mut BTreeMap<String, Holds>,
    ) {
        let Some(live) = live else { return };
        for (column, unit) in &table.counted {
            let key = format!("as.{column}");
            let dialect = self.dialect;
            let Some((known, holds)) = asked.iter_mut().find(|(known, _)| dialect.is_column(known, column)) else {
                let missing = format!("column `{column}` of `{name}` is not mapped, so no query can use it");
                let instead = nearest(column, asked.keys().map(String::as_str));
                self.fault(
                    &key,
                    missing,
                    instead.or_else(|| Some("map it, or remove it here".to_owned())),
                );
                continue;
            };
            if let Some(number) = holds.as_number() {
                *holds = Holds::Counted {
                    unit: *unit,
                    number: Box::new(number),
                };
                continue;
            }
            let declared = live.column(dialect, known).map_or("", |column| &column.declared);
            let missing = format!("column `{known}` of `{name}` has type `{declared}`, which holds no numbers");
            self.fault(&key, missing, None);
        }
    }

    /// Returns the type of the first value in columns whose declared type does not say it (SQLite's `DATETIME`,
    /// mostly). The check of a query takes the others to be alike. Texts in one of `times`, or in a column
    /// declared for dates, are moments. Values outside the scope belong to other mappings.
    pub(super) async fn seen(
        &mut self,
        table: &str,
        scope: Option<&str>,
        times: &[&str],
        asked: &mut BTreeMap<String, Holds>,
    ) -> Result<BTreeMap<String, Type>, CallError> {
        let mut seen = BTreeMap::new();
        for (column, holds) in asked.iter_mut() {
            let is_dated = matches!(holds, Holds::Moments(_));
            let is_time = is_dated || times.contains(&column.as_str());
            if is_dated || *holds == Holds::Declared(Declared::Any) {
                match self.first(table, scope, column).await?.as_deref() {
                    Some("integer" | "real") if is_time => *holds = Holds::Declared(Declared::Stamp),
                    Some("integer" | "real") => drop(seen.insert(column.clone(), Type::Number)),
                    Some("text") if !is_time => drop(seen.insert(column.clone(), Type::Text)),
                    _ => {}
                }
            }
            if is_time && holds.is_text() {
                *holds = Holds::Moments(Box::new(holds.clone()));
            }
        }
        Ok(seen)
    }

    /// Returns the type of the first value in a column of SQLite.
    async fn first(&mut self, table: &str, scope: Option<&str>, column: &str) -> Result<Option<String>, CallError> {
        let (quoted, name) = (quote_table(table), quote(column));
        let inside = inside(scope);
        let text = format!(
            "-- store::sql::seen\nSELECT typeof(m.{name}) FROM {quoted} AS m WHERE m.{name} IS NOT NULL{inside} LIMIT 1"
        );
        let asked = Sql::vouched(self.dialect, text).about(Vec::new());
        let row = asked.fetch_optional(&mut *self.connection).await?;
        Ok(row.map(|row| row.try_get(0)).transpose()?)
    }
}
