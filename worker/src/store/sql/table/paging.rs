//! Rows in the order of their keys: pages, and cuts.

use lethe_common::job::StoreKind;
use sqlx::Row;
use sqlx::any::AnyRow;

use super::super::connect::CallError;
use super::super::filter::Rows;
use super::super::statement::Bind;
use super::super::text::{self, Range};
use super::{MAX_PAGE, SqlTable};
use crate::store::{Conditions, RowLocation, Seen, StoreError};

/// The percentage of a table that is sampled for its cuts. PostgreSQL samples whole blocks.
// If rows are stored in key order, a range of 10,000 rows is 100 blocks, and 10 of them are sampled. So two thirds
// of the ranges are within a third of that size. With 2 %, a tenth would be twice as long or longer.
const SAMPLE_PERCENT: u8 = 10;

/// A sample is read only if the rows to cut are at least this fraction of the table: one in `SAMPLED_FROM`.
const SAMPLED_FROM: u64 = 20;

impl SqlTable {
    /// Returns a page of the ids of rows that meet `conditions`, in the order of keys: after `after`,
    /// up to and including `through`, at most `limit` (which is at most [`MAX_PAGE`]). It has no rows
    /// that were changed since the query began.
    ///
    /// # Errors
    /// Refuses empty conditions: a page is never of everything.
    pub async fn page(
        &self,
        conditions: &Conditions,
        after: Option<&str>,
        through: Option<&str>,
        limit: u32,
    ) -> Result<Vec<String>, StoreError> {
        let page = self.page_of(Rows::Unchanged, conditions, after, through, limit).await?;
        Ok(page.into_iter().map(|(id, _)| id).collect())
    }

    /// Returns a page like [`page`](Self::page), each id with its row. It has the rows that were changed
    /// since too.
    ///
    /// # Errors
    /// Refuses empty conditions: a page is never of everything.
    pub async fn page_rows(
        &self,
        conditions: &Conditions,
        after: Option<&str>,
        through: Option<&str>,
        limit: u32,
    ) -> Result<Vec<(String, Seen)>, StoreError> {
        self.page_of(Rows::All, conditions, after, through, limit).await
    }

    async fn page_of(
        &self,
        rows: Rows,
        conditions: &Conditions,
        after: Option<&str>,
        through: Option<&str>,
        limit: u32,
    ) -> Result<Vec<(String, Seen)>, StoreError> {
        if limit == 0 || limit > MAX_PAGE {
            return Err(StoreError::Misuse(
                StoreKind::Sql,
                "a page holds between 1 and 10000 ids",
            ));
        }
        let Some(demanded) = self.demanded_rows(conditions, rows)? else {
            return Ok(Vec::new());
        };
        let query = demanded.query();
        let mut values = demanded.values.clone();
        for bound in [after, through].into_iter().flatten() {
            values.push(self.bound(bound)?);
        }
        let range = Range {
            query,
            demanded: &demanded.columns,
            after: after.is_some(),
            through: through.is_some(),
        };
        let text = text::page(self.store.dialect, &self.mapping, range, demanded.unchanged.as_deref());
        self.store
            .bounded(async {
                values.push(Bind::Integer(i64::from(limit)));
                let mut connection = self.store.readers.acquire().await?;
                let rows = text.about(values).fetch_all(&mut *connection).await?;
                self.vouched(&rows, &mut connection).await?;
                let read = |row: &AnyRow| {
                    let place: Option<String> = row.try_get(2)?;
                    let changed: i64 = row.try_get(3)?;
                    let whose: Option<&str> = row.try_get(4)?;
                    let seen = Seen {
                        version: row.try_get(1)?,
                        place: place.map(RowLocation),
                        changed: changed != 0,
                        whose: self.whose(whose)?,
                    };
                    Ok((row.try_get(0)?, seen))
                };
                rows.iter().map(read).collect::<Result<_, CallError>>()
            })
            .await
    }

    /// Returns the id of the `n`th row after `after` that meets `conditions`, in the order of keys;
    /// `None` if there are fewer.
    ///
    /// # Errors
    /// Refuses empty conditions.
    pub async fn nth(
        &self,
        conditions: &Conditions,
        after: Option<&str>,
        n: u64,
    ) -> Result<Option<String>, StoreError> {
        let Some(demanded) = self.demanded(conditions)? else {
            return Ok(None);
        };
        let mut values = demanded.values.clone();
        values.extend(after.map(|after| self.bound(after)).transpose()?);
        let range = Range {
            after: after.is_some(),
            ..demanded.range()
        };
        let text = text::nth(self.store.dialect, &self.mapping, range);
        values.push(Bind::Integer(i64::try_from(n.saturating_sub(1)).unwrap_or(i64::MAX)));
        self.store
            .bounded(async {
                let row = text.about(values).fetch_optional(&self.store.readers).await?;
                Ok(row.map(|row| row.try_get(0)).transpose()?)
            })
            .await
    }

    /// Returns the id of the last row that meets `conditions` in the order of keys, if there is one. Rows that were
    /// changed since the query began count too.
    ///
    /// # Errors
    /// Refuses empty conditions.
    pub async fn last(&self, conditions: &Conditions) -> Result<Option<String>, StoreError> {
        let Some(demanded) = self.demanded_rows(conditions, Rows::All)? else {
            return Ok(None);
        };
        let unchanged = demanded.unchanged.as_deref();
        let text = text::last(self.store.dialect, &self.mapping, demanded.range(), unchanged);
        self.store
            .bounded(async {
                let row = text.about(demanded.values).fetch_optional(&self.store.readers).await?;
                Ok(row.map(|row| row.try_get(0)).transpose()?)
            })
            .await
    }

    /// Returns ids of rows that meet `conditions`, in the order of keys, after `after`, up to and including
    /// `through`, about `rows` apart. They come from a sample of the table, so that their distances vary.
    /// `None` where the database draws no samples, and where the `of` rows to cut are few in the table.
    ///
    /// # Errors
    /// Refuses empty conditions.
    pub async fn cuts(
        &self,
        conditions: &Conditions,
        after: &str,
        through: Option<&str>,
        rows: u64,
        of: u64,
    ) -> Result<Option<Vec<String>>, StoreError> {
        let Some(demanded) = self.demanded(conditions)? else {
            return Ok(None);
        };
        let range = Range {
            after: true,
            through: through.is_some(),
            ..demanded.range()
        };
        let text = text::sample(self.store.dialect, &self.mapping, range, SAMPLE_PERCENT);
        let Some((text, estimate)) = text.zip(text::estimate(self.store.dialect)) else {
            return Ok(None);
        };
        let mut values = demanded.values.clone();
        for bound in [Some(after), through].into_iter().flatten() {
            values.push(self.bound(bound)?);
        }
        let every = (rows * u64::from(SAMPLE_PERCENT) / 100).max(1);
        values.push(Bind::Integer(i64::try_from(every).unwrap_or(i64::MAX)));
        self.store
            .bounded(async {
                let table = vec![Bind::Text(self.mapping.table.clone())];
                let all: i64 = estimate.about(table).fetch_one(&self.store.readers).await?.try_get(0)?;
                if all == 0 || of.saturating_mul(SAMPLED_FROM) < all.unsigned_abs() {
                    return Ok(None);
                }
                let rows = text.about(values).fetch_all(&self.store.readers).await?;
                let ids = rows.iter().map(|row| row.try_get(0));
                Ok(Some(ids.collect::<Result<_, sqlx::Error>>()?))
            })
            .await
    }
}
