//! The current time of the database, as a bound for the columns of creation and change times.

use std::time::Duration;

use jiff::Timestamp;
use lethe_common::clock::Clock;
use lethe_common::filter::Unit;
use lethe_common::job::StoreKind;
use sqlx::Row;

use super::super::column::{Column, Holds, Kind};
use super::super::dialect::{Dialect, quote};
use super::super::statement::Sql;
use super::{CallError, SqlTable};
use crate::store::{Start, StoreError, TimeBound};

/// The first number that is taken for seconds since 1970, and not for another number: the year 2000.
const FIRST: i128 = 946_684_800;

/// The first number that counts milliseconds rather than seconds.
const MILLISECONDS: i128 = 100_000_000_000;

impl SqlTable {
    /// Returns whether the time of creation is mapped.
    pub fn is_dated(&self) -> bool {
        self.mapping.created_at.is_some()
    }

    /// Returns a snapshot of the rows that were created and changed until now (plus `ahead`), by the clock of the
    /// database; `None` if the unit of a column is unknown, or no time of creation is mapped.
    ///
    /// # Errors
    /// Fails if the database cannot be asked.
    pub async fn until_now(&self, ahead: Duration) -> Result<Option<Start>, StoreError> {
        let Some(written) = &self.mapping.created_at else {
            return Ok(None);
        };
        let mut now = self.now().await?;
        now = now.checked_add(ahead).unwrap_or(now);
        let Some(written) = self.until(written, now).await? else {
            return Ok(None);
        };
        let mut start = Start { written, changed: None };
        if let Some(changed) = &self.mapping.updated_at {
            match self.until(changed, now).await? {
                Some(changed) => start.changed = Some(changed),
                None => return Ok(None),
            }
        }
        Ok(Some(start))
    }

    async fn now(&self) -> Result<Timestamp, StoreError> {
        let text = match self.store.dialect {
            // The database is this machine.
            Dialect::Sqlite => return Ok(Clock::system().now()),
            Dialect::Postgres => {
                "-- store::sql::now\nSELECT pg_catalog.to_char(pg_catalog.clock_timestamp() AT TIME ZONE 'UTC', \
                 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')"
            }
            Dialect::Mysql => {
                "-- store::sql::now\nSELECT CONCAT(REPLACE(CAST(UTC_TIMESTAMP(6) AS CHAR), ' ', 'T'), 'Z')"
            }
        };
        let text = self.text(text.to_owned()).await?;
        let now = text.and_then(|text| text.parse().ok());
        now.ok_or(StoreError::Unreadable(StoreKind::Sql))
    }

    /// Returns a moment as a bound for a column.
    async fn until(&self, (column, holds): &(Column, Holds), at: Timestamp) -> Result<Option<TimeBound>, StoreError> {
        let (unit, number) = match holds {
            Holds::Time { .. } | Holds::Moments(_) => return Ok(Some(TimeBound::UpTo(at.to_string()))),
            Holds::Counted { unit, number } => (Some(*unit), &**number),
            holds if holds.is_number() => (self.likely(column).await?, holds),
            _ => (None, holds),
        };
        let count = unit.map(|unit| match unit {
            Unit::Seconds => at.as_second(),
            Unit::Milliseconds => at.as_millisecond(),
        });
        Ok(count.map(|count| {
            let most = match number {
                Holds::Key(Kind::Integer(16)) => i16::MAX.into(),
                Holds::Key(Kind::Integer(32)) => i32::MAX.into(),
                _ => i64::MAX,
            };
            // A number of SQLite begins with its type.
            let mark = if matches!(number, Holds::Declared(_)) { "i" } else { "" };
            TimeBound::UpTo(format!("{mark}{}", count.min(most)))
        }))
    }

    /// Returns the unit of a column of numbers, by the first number that may be a time of this century.
    async fn likely(&self, column: &Column) -> Result<Option<Unit>, StoreError> {
        let name = format!("m.{}", quote(&column.name));
        let (text_type, table) = (super::text::text_type(self.store.dialect), &self.mapping.table);
        let text = format!(
            "-- store::sql::likely\n\
             SELECT CAST({name} AS {text_type}) FROM {table} AS m WHERE {name} >= {FIRST} LIMIT 1"
        );
        let found = self.text(text).await?;
        let number = found.and_then(|text| text.split('.').next()?.parse().ok());
        Ok(number.and_then(|number: i128| match number {
            FIRST..MILLISECONDS => Some(Unit::Seconds),
            _ if (FIRST * 1_000..MILLISECONDS * 1_000).contains(&number) => Some(Unit::Milliseconds),
            _ => None,
        }))
    }

    async fn text(&self, text: String) -> Result<Option<String>, StoreError> {
        let asked = Sql::vouched(self.store.dialect, text).about(Vec::new());
        self.store
            .bounded(async {
                let row = asked.fetch_optional(&self.store.readers).await?;
                let text = row.map(|row| row.try_get::<Option<String>, _>(0)).transpose();
                text.map(Option::flatten).map_err(CallError::from)
            })
            .await
    }
}
