//! The comparison of a point's payload with its memory's row, by the types of the row's columns.

use std::borrow::Cow;

use lethe_common::job::{Field, StoreKind};

use super::super::column::{Column, Declared, Holds, Kind};
use super::super::compare::from_digits;
use super::{RowLocation, Seen, SqlTable, StoreError};
use crate::store::RowOwner;
use crate::store::vector::{Said, Whose};

impl SqlTable {
    /// Reads the answer of a lookup about one row.
    pub(super) fn seen(&self, text: &str) -> Result<Seen, StoreError> {
        let (text, whose) = text
            .split_once('~')
            .map_or((text, None), |(text, whose)| (text, Some(whose)));
        let (version, place) = text.split_once('@').map_or((text, None), |(v, place)| (v, Some(place)));
        let version = match version {
            "" => None,
            version => Some(version.parse().map_err(|_| StoreError::Unreadable(StoreKind::Sql))?),
        };
        Ok(Seen {
            version,
            place: place.map(|place| RowLocation(place.to_owned())),
            changed: false,
            whose: self.whose(whose)?,
        })
    }

    /// Reads the values compared with points.
    pub(super) fn whose(&self, text: Option<&str>) -> Result<RowOwner, StoreError> {
        let Some(text) = text else {
            // A truncated answer must not agree with every point.
            let is_whole = self.mapping.compared.is_empty();
            return is_whole
                .then(RowOwner::default)
                .ok_or(StoreError::Unreadable(StoreKind::Sql));
        };
        let values: Vec<&str> = text.split(',').collect();
        if values.len() != self.mapping.compared.len() {
            return Err(StoreError::Unreadable(StoreKind::Sql));
        }
        let pairs = self.mapping.compared.iter().zip(values);
        pairs.map(|(field, value)| Ok((*field, from_digits(value)?))).collect()
    }

    /// Returns whether a point's payload agrees with this row. A value that is missing on either side agrees. Several
    /// values disagree, and so does a value that identifies no owner.
    pub fn agrees(&self, row: &RowOwner, point: &Whose) -> bool {
        row.iter().all(|(field, owner)| match (point.get(field), owner) {
            (Some(Said::Several(_) | Said::Other), _) => false,
            (None | Some(Said::Nothing), _) | (Some(_), None) => true,
            (Some(said), Some(owner)) => self.read(field, said).is_some_and(|said| said == owner),
        })
    }

    /// Returns whether a payload has the value that a job requires of a field, by the type of the field's column.
    pub(crate) fn is_demanded(&self, field: Field, said: &Said, demanded: &str) -> bool {
        let Some(column) = self.mapping.field(field) else {
            return said.one().is_some_and(|said| said == demanded);
        };
        let demanded = column.parse(demanded);
        demanded.is_some() && self.read(field, said) == demanded
    }

    /// Returns a payload's value as the field's column would hold it; `None` if it cannot.
    fn read<'s>(&self, field: Field, said: &'s Said) -> Option<Cow<'s, str>> {
        let column = self.mapping.field(field)?;
        match said {
            Said::Text(text) => column.parse(text),
            Said::Number(number) if self.holds_numbers(column) => column
                .parse(&number.to_string())
                .map(|number| Cow::Owned(number.into_owned())),
            Said::Number(_) | Said::Nothing | Said::Several(_) | Said::Other => None,
        }
    }

    fn holds_numbers(&self, column: &Column) -> bool {
        let kind = column.names.as_ref().map_or(&column.kind, |names| &names.name.kind);
        match kind {
            Kind::Integer(_) | Kind::Whole { .. } => true,
            // The declared type of owners' names is not read: a name counts as a text.
            Kind::Dynamic if column.names.is_none() => matches!(
                self.mapping.asked.get(&column.name),
                Some(Holds::Declared(Declared::Integer | Declared::Number | Declared::Any))
            ),
            _ => false,
        }
    }
}
