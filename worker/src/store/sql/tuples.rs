//! Memories as one bind: a JSON array of the ids, each with its conditions.

use std::borrow::Cow;

use lethe_common::job::{Field, StoreKind};
use serde::Serialize;

use super::column::Column;
use super::mapping::Mapping;
use crate::store::{Conditions, Item, RowLocation, StoreError};

/// One memory, ready for a statement. Its values are already converted to the column's type.
#[derive(Serialize)]
pub(super) struct Tuple<'a> {
    /// The memory's position in the caller's list.
    pub(super) n: usize,
    /// Its id.
    pub(super) i: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    agent: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    app: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    run: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    workspace: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<Cow<'a, str>>,
    /// The required version of its row.
    #[serde(skip_serializing_if = "Option::is_none")]
    v: Option<i64>,
    /// The location of its row, if a lookup returned one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) at: Option<&'a str>,
    /// Whether no row can meet the conditions: the column's type cannot hold the owner.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    never: bool,
}

impl<'a> Tuple<'a> {
    /// Returns the tuple of an id without conditions, or `None` if no row can have that id.
    pub(super) fn of_id(mapping: &Mapping, n: usize, id: &'a str) -> Option<Self> {
        Self::of_reference(&mapping.id, n, id)
    }

    /// Returns the tuple of an id in `column`, or `None` if that column cannot hold it.
    pub(super) fn of_reference(column: &Column, n: usize, id: &'a str) -> Option<Self> {
        Some(Self {
            n,
            i: column.kind.parse(id)?,
            user: None,
            agent: None,
            app: None,
            run: None,
            workspace: None,
            kind: None,
            v: None,
            at: None,
            never: false,
        })
    }

    /// Returns the tuple of a memory, or `None` if no row can have its id.
    ///
    /// # Errors
    /// Fails if a required field has no column.
    pub(super) fn of_item(mapping: &Mapping, n: usize, item: &'a Item) -> Result<Option<Self>, StoreError> {
        // Checked even if the id cannot exist: whether a call is wrong does not depend on its ids.
        let demands = demands(mapping, &item.conditions)?;
        let Some(mut tuple) = Self::of_id(mapping, n, &item.id) else {
            return Ok(None);
        };
        tuple.v = item.version;
        tuple.at = item.place.as_ref().map(|RowLocation(place)| place.as_str());
        for (field, value) in demands {
            tuple.never |= value.is_none();
            *tuple.slot(field) = value;
        }
        Ok(Some(tuple))
    }

    /// Returns whether a row can meet the conditions at all.
    pub(super) fn can_match(&self) -> bool {
        !self.never
    }

    fn slot(&mut self, field: Field) -> &mut Option<Cow<'a, str>> {
        match field {
            Field::User => &mut self.user,
            Field::Agent => &mut self.agent,
            Field::App => &mut self.app,
            Field::Run => &mut self.run,
            Field::Workspace => &mut self.workspace,
            Field::Kind => &mut self.kind,
        }
    }
}

/// A field and its required value; `None` is a value that no row can hold.
pub(super) type Demand<'a> = (Field, Option<Cow<'a, str>>);

/// Returns the required value of each field, converted to the column's type.
///
/// # Errors
/// Fails if a required field has no column.
pub(super) fn demands<'a>(mapping: &Mapping, conditions: &'a Conditions) -> Result<Vec<Demand<'a>>, StoreError> {
    conditions
        .fields
        .iter()
        .map(|(field, value)| {
            let column = mapping.field(*field).ok_or(StoreError::Unmapped {
                store: StoreKind::Sql,
                field: *field,
            })?;
            Ok((*field, column.parse(value)))
        })
        .collect()
}

/// Writes tuples as the one bind of a statement.
pub(super) fn encode(tuples: &[impl Serialize]) -> String {
    serde_json::to_string(tuples).expect("a list of texts and numbers is always JSON")
}
