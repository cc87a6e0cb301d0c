//! Statements about a batch of memories: each with its own conditions, or all with the same.

use lethe_common::job::StoreKind;
use sqlx::Any;
use sqlx::any::AnyArguments;
use sqlx::query::Query;

use super::super::dialect::Dialect;
use super::super::filter::{self, Rows};
use super::super::mapping::Mapping;
use super::super::statement::{Bind, Sql};
use super::super::text::{Alike, Range};
use super::super::tuples::{Tuple, encode};
use super::SqlTable;
use crate::store::{Item, StoreError};

/// A statement about memories, with its other bound values.
pub(super) struct Statement {
    text: Sql,
    values: Vec<Bind>,
    takes: Takes,
}

/// The form in which a statement binds memories.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Takes {
    /// As one list of objects, bound first.
    Tuples,
    /// As a list of ids, bound last.
    Ids,
    /// As a list of ids and a list of their rows' locations, bound last.
    Places,
}

impl Statement {
    pub(super) fn plain(text: &Sql) -> Self {
        Self {
            text: text.clone(),
            values: Vec::new(),
            takes: Takes::Tuples,
        }
    }

    pub(super) fn about(&self, tuples: &[&Tuple<'_>]) -> Query<'static, Any, AnyArguments> {
        let mut values = Vec::with_capacity(2 + self.values.len());
        if self.takes == Takes::Tuples {
            values.push(Bind::Text(encode(tuples)));
        }
        values.extend(self.values.iter().cloned());
        if self.takes != Takes::Tuples {
            let ids: Vec<&str> = tuples.iter().map(|tuple| &*tuple.i).collect();
            values.push(Bind::Text(encode(&ids)));
        }
        if self.takes == Takes::Places {
            let places: Vec<Option<&str>> = tuples.iter().map(|tuple| tuple.at).collect();
            values.push(Bind::Text(encode(&places)));
        }
        self.text.about(values)
    }

    /// Returns the position in the caller's list of a memory that the answer names.
    pub(super) fn position(&self, tuples: &[&Tuple<'_>], n: usize) -> Result<usize, StoreError> {
        match self.takes {
            Takes::Tuples => Ok(n),
            Takes::Ids | Takes::Places => tuples
                .get(n)
                .map(|tuple| tuple.n)
                .ok_or(StoreError::Unreadable(StoreKind::Sql)),
        }
    }
}

impl SqlTable {
    /// Returns a statement about memories, with the condition of their query in its text.
    pub(super) fn statement(
        &self,
        items: &[Item],
        plain: &Sql,
        with_query: fn(Dialect, &Mapping, Option<&str>) -> Sql,
    ) -> Result<Statement, StoreError> {
        let query = items.first().and_then(|item| item.conditions.query.as_ref());
        if !items.iter().all(|item| item.conditions.is_same_query(query)) {
            return Err(StoreError::Misuse(
                StoreKind::Sql,
                "memories of different queries cannot share a call",
            ));
        }
        let Some(query) = query else {
            return Ok(Statement::plain(plain));
        };
        // The tuples are bound first.
        let compiled = filter::compile(self.store.dialect, &self.mapping, query, 2, Rows::Unchanged)?;
        let (text, values) = compiled.map_or_else(
            || ("1 = 0".to_owned(), Vec::new()),
            |compiled| (compiled.text, compiled.values),
        );
        Ok(Statement {
            text: with_query(self.store.dialect, &self.mapping, Some(&text)),
            values,
            takes: Takes::Tuples,
        })
    }

    /// Returns a statement that looks up memories with the same conditions, if they have and that saves time.
    pub(super) fn find_alike(&self, items: &[Item]) -> Result<Option<Statement>, StoreError> {
        self.alike(items, Takes::Ids, super::text::find_alike)
    }

    /// Returns a statement that deletes the rows of such memories by their locations.
    pub(super) fn delete_alike(&self, items: &[Item]) -> Result<Option<Statement>, StoreError> {
        self.alike(items, Takes::Places, super::text::delete_alike)
    }

    fn alike(&self, items: &[Item], takes: Takes, text: Alike) -> Result<Option<Statement>, StoreError> {
        let Some(first) = items.first() else {
            return Ok(None);
        };
        let same = |item: &Item| item.version.is_none() && item.conditions.is_same(&first.conditions);
        if !items.iter().all(same) {
            return Ok(None);
        }
        let Some(demanded) = self.demanded_by(&first.conditions, Rows::Unchanged)? else {
            return Ok(None);
        };
        let text = text(self.store.dialect, &self.mapping, demanded.range());
        Ok(text.map(|text| Statement {
            text,
            values: demanded.values,
            takes,
        }))
    }

    /// Returns a statement that looks up ids without conditions.
    pub(super) fn about_ids(&self) -> Statement {
        let nothing = Range {
            query: None,
            demanded: &[],
            after: false,
            through: false,
        };
        let text = super::text::find_alike(self.store.dialect, &self.mapping, nothing);
        text.map_or_else(
            || Statement::plain(&self.texts.find),
            |text| Statement {
                text,
                values: Vec::new(),
                takes: Takes::Ids,
            },
        )
    }
}
