//! One mapped table: finding and deleting memories in it, and reading it in the order of its keys.

use std::collections::BTreeMap;

use lethe_common::config::Table;
use lethe_common::filter::Type;
use lethe_common::job::{Field, StoreKind};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row};

use super::column::{Column, Kind};
use super::connect::{CallError, SqlStore};
use super::filter::{self, Rows};
use super::mapping::Mapping;
use super::statement::Bind;
use super::text::{self, Range, Texts};
use super::tuples::{Tuple, demands};
use super::{MAX_ITEMS, MAX_PAGE};
use crate::store::error::Status;
use crate::store::{Conditions, Item, RowLocation, Seen, Spellings, StoreError};

mod advice;
mod agreement;
mod asking;
mod delete;
mod dependents;
mod mistyped;
mod now;
mod paging;
mod stretch;
mod workspaces;

use asking::Statement;
pub use delete::{Deletion, Taken};
pub use stretch::Keys;

/// The result of a lookup of one memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RowMatch {
    /// A row with this id that meets the conditions.
    Matching,
    /// A row with this id in the mapping's scope that does not meet the conditions.
    Other,
    /// A row with this id outside the mapping's scope: another tenant's.
    Outside,
    /// No row with this id.
    Absent,
}

/// One mapped table of a customer's database, checked against the live schema.
///
/// Ids and required values match by the column's type and byte for byte. A text that no row could
/// hold (letters for a number, a NUL) is absent, never an error.
#[derive(Debug)]
pub struct SqlTable {
    store: SqlStore,
    mapping: Mapping,
    texts: Texts,
}

impl SqlTable {
    /// Reads the live schema, checks `table` against it and builds the statements.
    ///
    /// Open it again when a call fails with [`StoreError::Missing`]: the schema has changed.
    ///
    /// # Errors
    /// Fails with [`StoreError::Mapping`] if the mapping does not fit.
    pub async fn open(store: &SqlStore, table: &Table) -> Result<Self, StoreError> {
        let mapping = store
            .bounded(async {
                let mut connection = store.readers.acquire().await?;
                Mapping::read(&mut connection, store.dialect, table).await
            })
            .await?;
        let texts = Texts::new(store.dialect, &mapping);
        Ok(Self {
            store: store.clone(),
            mapping,
            texts,
        })
    }

    /// Returns whether ids are UUIDs by type, so that every spelling of one is the same memory.
    pub fn has_uuid_ids(&self) -> bool {
        self.mapping.id.kind.is_uuid()
    }

    /// Returns the spellings that payloads may have for ids, and for the fields that jobs require.
    pub fn spellings(&self) -> Spellings {
        let fields = self.mapping.fields.iter();
        let of = |(field, column): &(Field, Column)| (*field, column.spelling());
        Spellings {
            ids: self.mapping.id.spelling(),
            fields: fields.map(of).collect(),
        }
    }

    /// Returns the tables that the mapping does not list, and whose rows the database deletes with its rows (`ON DELETE
    /// CASCADE`): each as a mapping would write it, and with its schema.
    pub fn cascades(&self) -> &[String] {
        &self.mapping.cascades
    }

    /// Returns whether ids are bytes, so that both cases of their digits are the same memory.
    pub fn has_byte_ids(&self) -> bool {
        matches!(self.mapping.id.kind, Kind::Bytes { .. })
    }

    /// Checks that the database answers and accepts writes.
    ///
    /// # Errors
    /// Fails with the error that other calls would meet.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.store.ping().await
    }

    /// Checks that rows come from a server that writes. Without rows it asks on the same connection: another one
    /// may lead to another server.
    async fn vouched(&self, rows: &[AnyRow], connection: &mut AnyConnection) -> Result<(), CallError> {
        if let Some(row) = rows.first() {
            return writes(row);
        }
        let alive = text::alive(self.store.dialect).about(Vec::new());
        writes(&alive.fetch_one(connection).await?)
    }

    /// Returns the types of the columns that queries may use, by name.
    pub fn types(&self) -> BTreeMap<String, Type> {
        filter::types(&self.mapping)
    }

    /// Returns `id` as the database writes it, or `None` if no row can have it.
    pub fn canonical(&self, id: &str) -> Option<String> {
        self.mapping.id.kind.parse(id).map(std::borrow::Cow::into_owned)
    }

    /// Returns a value of a field as its column holds it, or `None` if no row can have it.
    pub(crate) fn held(&self, field: Field, value: &str) -> Option<String> {
        let column = self.mapping.field(field)?;
        column.parse(value).map(std::borrow::Cow::into_owned)
    }

    /// Looks up memories; the answer has the order of `items`.
    ///
    /// # Errors
    /// Fails as a whole; [`StoreError::Unmapped`] if a required field has no column.
    pub async fn find(&self, items: &[Item]) -> Result<Vec<RowMatch>, StoreError> {
        let found = self.find_rows(items).await?;
        Ok(found.into_iter().map(|(found, _)| found).collect())
    }

    /// Looks up memories like [`find`](Self::find), and returns each matching row too. For a row outside the scope it
    /// returns only the values compared with points.
    ///
    /// # Errors
    /// Fails as a whole; [`StoreError::Unmapped`] if a required field has no column.
    pub async fn find_rows(&self, items: &[Item]) -> Result<Vec<(RowMatch, Seen)>, StoreError> {
        let tuples = self.tuples(items)?;
        let statement = match self.find_alike(items)? {
            Some(statement) => statement,
            None => self.statement(items, &self.texts.find, text::find)?,
        };
        let is_unasked = tuples.len() < items.len() || !tuples.iter().all(Tuple::can_match);
        self.look(&statement, items.len(), &tuples, |_| is_unasked).await
    }

    /// Returns for each id whether it has a row, whatever the other values of the row.
    ///
    /// # Errors
    /// Fails as a whole.
    pub async fn exists(&self, ids: &[&str]) -> Result<Vec<bool>, StoreError> {
        let found = self.find_ids(ids).await?;
        Ok(found.into_iter().map(|(found, _)| found != RowMatch::Absent).collect())
    }

    /// Looks up rows by their ids alone: every row in the scope matches. An id is absent only if the columns still have
    /// the types that the call compared by: the points of an id without a row may be erased.
    ///
    /// # Errors
    /// Fails as a whole.
    pub async fn find_ids(&self, ids: &[&str]) -> Result<Vec<(RowMatch, Seen)>, StoreError> {
        let tuples: Vec<Tuple<'_>> = ids
            .iter()
            .enumerate()
            .filter_map(|(n, id)| Tuple::of_id(&self.mapping, n, id))
            .collect();
        let is_missed = |found: &[(RowMatch, Seen)]| found.iter().any(|(found, _)| *found == RowMatch::Absent);
        self.look(&self.about_ids(), ids.len(), &tuples, is_missed).await
    }

    fn tuples<'a>(&self, items: &'a [Item]) -> Result<Vec<Tuple<'a>>, StoreError> {
        items
            .iter()
            .enumerate()
            .filter_map(|(n, item)| Tuple::of_item(&self.mapping, n, item).transpose())
            .collect()
    }

    /// Looks up memories. If the answer is in doubt, it checks that the types are still those that it depends on.
    async fn look(
        &self,
        statement: &Statement,
        count: usize,
        tuples: &[Tuple<'_>],
        is_in_doubt: impl FnOnce(&[(RowMatch, Seen)]) -> bool,
    ) -> Result<Vec<(RowMatch, Seen)>, StoreError> {
        let mut found = vec![(RowMatch::Absent, Seen::default()); count];
        self.store
            .bounded(async {
                let tuples: Vec<&Tuple<'_>> = tuples.iter().collect();
                for chunk in tuples.chunks(MAX_ITEMS) {
                    let row = statement.about(chunk).fetch_one(&self.store.readers).await?;
                    writes(&row)?;
                    for (n, row) in whole(&row)? {
                        let n = statement.position(chunk, n)?;
                        *found.get_mut(n).ok_or(StoreError::Unreadable(StoreKind::Sql))? = match row {
                            Some(row) => match row.strip_prefix(text::OUTSIDE) {
                                Some(row) => (RowMatch::Outside, self.seen(row)?),
                                None => (RowMatch::Matching, self.seen(row)?),
                            },
                            None => (RowMatch::Other, Seen::default()),
                        };
                    }
                }
                if is_in_doubt(&found) {
                    self.has_its_types().await?;
                }
                Ok(())
            })
            .await?;
        Ok(found)
    }

    /// Checks that the ids and the fields have the types that they had when the table was opened.
    ///
    /// # Errors
    /// [`StoreError::Missing`] if a type has changed.
    pub(crate) async fn check_types(&self) -> Result<(), StoreError> {
        self.store.bounded(self.has_its_types()).await
    }

    /// Fails with [`StoreError::Missing`] if the types of the ids and the fields have changed.
    async fn has_its_types(&self) -> Result<(), CallError> {
        let mut connection = self.store.readers.acquire().await?;
        if self.mapping.is_current(&mut connection, self.store.dialect).await? {
            return Ok(());
        }
        let status = Status::Silent(StoreKind::Sql);
        Err(StoreError::Missing { status }.into())
    }

    // `None`: no row can meet the conditions.
    fn demanded<'s>(&'s self, conditions: &Conditions) -> Result<Option<Demanded<'s>>, StoreError> {
        self.demanded_rows(conditions, Rows::Unchanged)
    }

    fn demanded_rows<'s>(&'s self, conditions: &Conditions, rows: Rows) -> Result<Option<Demanded<'s>>, StoreError> {
        if conditions.is_empty() {
            return Err(StoreError::Misuse(
                StoreKind::Sql,
                "without conditions the call would match every row",
            ));
        }
        self.demanded_by(conditions, rows)
    }

    fn demanded_by<'s>(&'s self, conditions: &Conditions, rows: Rows) -> Result<Option<Demanded<'s>>, StoreError> {
        let mut demanded = Demanded {
            query: None,
            unchanged: None,
            columns: Vec::new(),
            values: Vec::new(),
        };
        let fields = demands(&self.mapping, conditions)?;
        if let Some(query) = &conditions.query {
            let Some(compiled) = filter::compile(self.store.dialect, &self.mapping, query, 1, rows)? else {
                return Ok(None);
            };
            demanded.query = Some((compiled.text, compiled.values.len()));
            demanded.values = compiled.values;
            demanded.unchanged = compiled.unchanged;
        }
        for (field, value) in fields {
            let Some(value) = value else {
                return Ok(None);
            };
            demanded.columns.extend(self.mapping.field(field));
            demanded.values.push(Bind::Text(value.into_owned()));
        }
        Ok(Some(demanded))
    }
}

struct Demanded<'a> {
    query: Option<(String, usize)>,
    unchanged: Option<String>,
    columns: Vec<&'a Column>,
    values: Vec<Bind>,
}

impl Demanded<'_> {
    fn query(&self) -> Option<(&str, usize)> {
        self.query.as_ref().map(|(text, bound)| (text.as_str(), *bound))
    }

    /// Returns all conditions, without bounds of keys.
    fn range(&self) -> Range<'_> {
        Range {
            query: self.query(),
            demanded: &self.columns,
            after: false,
            through: false,
        }
    }
}

/// Reads the answer of a statement whose rows were joined into one text: positions of memories, each
/// with the text after its colon.
fn numbered(row: &AnyRow) -> Result<Vec<(usize, Option<&str>)>, CallError> {
    let Some(text) = row.try_get::<Option<&str>, _>(0)? else {
        return Ok(Vec::new());
    };
    text.split(';')
        .map(|part| {
            let (n, rest) = part.split_once(':').map_or((part, None), |(n, rest)| (n, Some(rest)));
            Ok((n.parse().map_err(|_| StoreError::Unreadable(StoreKind::Sql))?, rest))
        })
        .collect()
}

/// Refuses the answer of a server that only reads: it may be old.
pub(super) fn writes(row: &AnyRow) -> Result<(), CallError> {
    if row.try_get::<i64, _>(text::ONLY_READS)? == 0 {
        return Ok(());
    }
    let status = Status::Silent(StoreKind::Sql);
    Err(StoreError::ReadOnly { status }.into())
}

/// Reads the answer of a lookup, which contains its number of rows: a server may cut a long text, and a row that is
/// not read would count as absent.
fn whole(row: &AnyRow) -> Result<Vec<(usize, Option<&str>)>, CallError> {
    let rows = numbered(row)?;
    if u64::try_from(rows.len()).ok() != Some(row.try_get::<i64, _>(1)?.unsigned_abs()) {
        return Err(StoreError::Unreadable(StoreKind::Sql).into());
    }
    Ok(rows)
}
