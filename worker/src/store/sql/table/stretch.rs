//! All rows of a key range (a stretch): their number, their greatest times, and values that are no moments.
//!
//! A caller may read a whole table one key range after the other: a statement about all rows of a large table
//! exceeds the time limit of a call.

use lethe_common::filter::Mistyped;
use lethe_common::job::StoreKind;
use sqlx::Row;

use super::super::filter;
use super::super::statement::Bind;
use super::super::text::{self, Range};
use super::{Demanded, SqlTable, writes};
use crate::store::{Conditions, Start, StoreError, TimeBound};

/// A key range. Without bounds: the whole table, rows without a key included.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Keys<'k> {
    /// The id before the first one. `None`: from the beginning.
    pub after: Option<&'k str>,
    /// The last id. `None`: up to the end.
    pub through: Option<&'k str>,
}

impl Keys<'_> {
    /// Returns all conditions, within these keys.
    fn range<'d>(&self, demanded: &'d Demanded<'_>) -> Range<'d> {
        Range {
            after: self.after.is_some(),
            through: self.through.is_some(),
            ..demanded.range()
        }
    }

    /// Returns whether rows without a key belong to it: to the first of several ranges, and to the whole table.
    fn has_none(&self) -> bool {
        self.after.is_none()
    }
}

impl SqlTable {
    /// Returns the last id of the next `rows` rows of a key range, without conditions; `None` if there are fewer.
    ///
    /// # Errors
    /// Fails if a bound is no id.
    pub async fn stretch(&self, keys: Keys<'_>, rows: u64) -> Result<Option<String>, StoreError> {
        let mut values = self.bounds(keys)?;
        let skipped = rows.saturating_sub(1);
        values.push(Bind::Integer(i64::try_from(skipped).unwrap_or(i64::MAX)));
        let (after, through) = (keys.after.is_some(), keys.through.is_some());
        let text = text::stretch(self.store.dialect, &self.mapping, after, through);
        self.store
            .bounded(async {
                let row = text.about(values).fetch_optional(&self.store.readers).await?;
                Ok(row.map(|row| row.try_get(0)).transpose()?)
            })
            .await
    }

    fn bounds(&self, keys: Keys<'_>) -> Result<Vec<Bind>, StoreError> {
        let bounds = [keys.after, keys.through].into_iter().flatten();
        bounds.map(|bound| self.bound(bound)).collect()
    }

    pub(super) fn bound(&self, key: &str) -> Result<Bind, StoreError> {
        let key = self.canonical(key);
        key.map(Bind::Text)
            .ok_or(StoreError::Misuse(StoreKind::Sql, "a cursor is not an id"))
    }

    /// Returns whether the database reads every row to find those that meet `conditions`, since no index
    /// helps.
    pub fn is_full_scan(&self, conditions: &Conditions) -> bool {
        filter::is_full_scan(self.store.dialect, &self.mapping, conditions)
    }

    /// Counts the rows that meet `conditions`.
    ///
    /// # Errors
    /// Refuses empty conditions: a count is never of everything.
    pub async fn count(&self, conditions: &Conditions) -> Result<u64, StoreError> {
        self.count_in(conditions, Keys::default()).await
    }

    /// Counts the rows of a key range that meet `conditions`; rows without a key count with the first range.
    ///
    /// # Errors
    /// Refuses empty conditions: a count is never of everything.
    pub async fn count_in(&self, conditions: &Conditions, keys: Keys<'_>) -> Result<u64, StoreError> {
        let Some(demanded) = self.demanded(conditions)? else {
            return Ok(0);
        };
        let (dialect, mapping) = (self.store.dialect, &self.mapping);
        let mut texts = vec![text::count(dialect, mapping, keys.range(&demanded))];
        let mut values = vec![[demanded.values.clone(), self.bounds(keys)?].concat()];
        if keys.has_none() && keys.through.is_some() {
            texts.push(text::count_without_key(dialect, mapping, demanded.range()));
            values.push(demanded.values.clone());
        }
        self.store
            .bounded(async {
                let mut all = 0;
                for (text, values) in texts.iter().zip(values) {
                    let row = text.about(values).fetch_one(&self.store.readers).await?;
                    writes(&row)?;
                    let count: i64 = row.try_get(0)?;
                    all += u64::try_from(count).map_err(|_| StoreError::Unreadable(StoreKind::Sql))?;
                }
                Ok(all)
            })
            .await
    }

    /// Returns a snapshot of the rows that meet `conditions` now: their greatest time of creation, and of
    /// the last change if that is mapped too. `None` if no time of creation is mapped.
    ///
    /// # Errors
    /// Refuses empty conditions.
    pub async fn start(&self, conditions: &Conditions) -> Result<Option<Start>, StoreError> {
        self.start_in(conditions, Keys::default()).await
    }

    /// Returns the snapshot of a key range. If it has a bound, rows without a key are ignored.
    ///
    /// # Errors
    /// Refuses empty conditions.
    pub async fn start_in(&self, conditions: &Conditions, keys: Keys<'_>) -> Result<Option<Start>, StoreError> {
        if self.mapping.created_at.is_none() {
            return Ok(None);
        }
        let changed = self.mapping.updated_at.as_ref();
        let Some(demanded) = self.demanded(conditions)? else {
            return Ok(Some(Start {
                written: TimeBound::Unknown,
                changed: changed.map(|_| TimeBound::Unknown),
            }));
        };
        let bounds = self.bounds(keys)?;
        let bound = demanded.values.len() + bounds.len();
        let newest = filter::newest(self.store.dialect, &self.mapping, bound + 1);
        let texts: Vec<String> = newest.texts.into_iter().flatten().collect();
        let text = text::newest(
            self.store.dialect,
            &self.mapping,
            keys.range(&demanded),
            &texts.join(", "),
        );
        let values = demanded.values.into_iter().chain(bounds).chain(newest.values).collect();
        self.store
            .bounded(async {
                let row = text.about(values).fetch_one(&self.store.readers).await?;
                writes(&row)?;
                let read = |n| Ok::<_, sqlx::Error>(filter::written(&self.mapping, n, row.try_get(n)?));
                Ok(Some(Start {
                    written: read(0)?,
                    changed: changed.map(|_| read(1)).transpose()?,
                }))
            })
            .await
    }

    /// Checks that a query's match is decided for every row. It is undecided if it depends on a comparison with
    /// a moment, and the row's value is no moment.
    ///
    /// # Errors
    /// Fails with [`StoreError::Mistyped`] if it is undecided for a row.
    pub async fn decided(&self, conditions: &Conditions) -> Result<(), StoreError> {
        self.decided_in(conditions, Keys::default()).await
    }

    /// Checks the rows of a key range in the same way.
    ///
    /// # Errors
    /// Fails with [`StoreError::Mistyped`] if it is undecided for a row.
    pub async fn decided_in(&self, conditions: &Conditions, keys: Keys<'_>) -> Result<(), StoreError> {
        let (Some(query), Some(demanded)) = (&conditions.query, self.demanded(conditions)?) else {
            return Ok(());
        };
        let fields = demanded.values.len() - demanded.query().map_or(0, |(_, bound)| bound);
        let fields = &demanded.values[demanded.values.len() - fields..];
        for (column, compiled) in filter::undecided(self.store.dialect, &self.mapping, query)? {
            let range = Range {
                query: Some((&compiled.text, compiled.values.len())),
                ..keys.range(&demanded)
            };
            let text = text::some(self.store.dialect, &self.mapping, range);
            let bounds = self.bounds(keys)?;
            let values = compiled.values.iter().chain(fields).cloned().chain(bounds).collect();
            let found = self.store.bounded(async {
                let row = text.about(values).fetch_optional(&self.store.readers).await?;
                Ok(row.is_some())
            });
            if found.await? {
                return Err(StoreError::Mistyped(Mistyped::unreadable(column)));
            }
        }
        Ok(())
    }
}
