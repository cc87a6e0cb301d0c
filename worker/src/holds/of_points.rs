//! The points without a row that a hold keeps. A point whose owner is unknown is kept.

use lethe_common::config::{Collection, FieldPath, PointId as Rule, Table};
use lethe_common::filter::{Filter, Path, Scalar};
use lethe_common::hold::{Hold, HoldOn};
use lethe_common::job::Field;

use super::named::forms;
use super::of_rows::{column, payload};
use crate::store::{Spelling, Spellings};

/// The points of a mapping, as holds are compared with them.
pub(super) struct Points<'a> {
    pub(super) table: &'a Table,
    pub(super) spellings: &'a Spellings,
}

impl Points<'_> {
    /// Returns the filter of the points that a hold keeps; [`Filter::Nothing`]: none.
    ///
    /// `is_own` says whether the hold is about this mapping. Else it is about another one that may own the points.
    pub(super) fn kept(&self, hold: &Hold, is_own: bool) -> Filter {
        let Some(collection) = &self.table.collection else {
            return Filter::Nothing;
        };
        match &hold.on {
            HoldOn::Everything => Filter::All,
            // The filter names columns, which a point without its row lacks.
            HoldOn::Query(_) if !is_own || self.table.columns.is_some() => Filter::All,
            HoldOn::Query(filter) => filter.clone(),
            HoldOn::Ids(ids) => self.of_ids(collection, ids),
            HoldOn::Persons(names) => self.of_field(hold, is_own, Field::User, names),
            HoldOn::Workspaces(names) => self.of_field(hold, is_own, Field::Workspace, names),
        }
    }

    /// Returns the filter of the points of memories *with* a row that a hold keeps, where only points say whose they are:
    /// the rows have no column for it, or NULL in the column. A point without a value is kept only if there is no column.
    pub(super) fn beside_rows(&self, hold: &Hold) -> Filter {
        let (field, names) = match &hold.on {
            HoldOn::Persons(names) => (Field::User, names),
            HoldOn::Workspaces(names) => (Field::Workspace, names),
            HoldOn::Everything | HoldOn::Ids(_) | HoldOn::Query(_) => return Filter::Nothing,
        };
        match payload(self.table, field) {
            Some(path) if self.table.columns.is_some() => {
                let is_alone = column(self.table, field).is_none();
                with_one(&path, names, self.spellings.of(field), is_alone)
            }
            _ => Filter::Nothing,
        }
    }

    /// Returns whether no row says whose it is, so that the points of every row are asked.
    pub(super) fn decide_alone(&self, hold: &Hold) -> bool {
        let field = match &hold.on {
            HoldOn::Persons(_) => Field::User,
            HoldOn::Workspaces(_) => Field::Workspace,
            HoldOn::Everything | HoldOn::Ids(_) | HoldOn::Query(_) => return false,
        };
        column(self.table, field).is_none() && payload(self.table, field).is_some()
    }

    /// Returns whether only rows say whose memories are, so that a point without a row is kept for any name.
    pub(super) fn follow_rows(&self, hold: &Hold) -> bool {
        let field = match &hold.on {
            HoldOn::Persons(_) => Field::User,
            HoldOn::Workspaces(_) => Field::Workspace,
            HoldOn::Everything | HoldOn::Ids(_) | HoldOn::Query(_) => return false,
        };
        column(self.table, field).is_some() && payload(self.table, field).is_none()
    }

    fn of_field(&self, hold: &Hold, is_own: bool, field: Field, names: &[String]) -> Filter {
        match payload(self.table, field) {
            Some(path) => with_one(&path, names, self.spellings.of(field), true),
            // The mapping has no such field at all, and the hold does not name its table.
            None if is_own && column(self.table, field).is_none() && hold.table.is_none() => Filter::Nothing,
            None => Filter::All,
        }
    }

    /// Returns the filter of the points whose payload names one of these memories. Points that name none are compared by
    /// their own ids.
    fn of_ids(&self, collection: &Collection, ids: &[String]) -> Filter {
        let Some(path) = &collection.payload.id else {
            return Filter::Nothing;
        };
        match FieldPath::try_from(path.clone()) {
            Ok(path) => {
                // Under the other rules, the own id says which memory it is.
                let names_all = collection.point == Rule::Payload;
                with_one(&path.into(), ids, self.spellings.ids, names_all)
            }
            Err(_) => Filter::All,
        }
    }
}

/// Returns the filter of the points with one of these values at a path, in any spelling, or with a value that cannot be
/// compared. With `or_none`, also of those without a value.
fn with_one(path: &Path, texts: &[String], spelling: Spelling, or_none: bool) -> Filter {
    let forms = texts.iter().flat_map(|text| forms(spelling, text));
    let mut values = Vec::new();
    for form in forms {
        // A payload may have a number where a column has its text.
        let number = form.parse().ok().filter(|number: &i64| number.to_string() == form);
        values.extend(number.map(Scalar::Integer));
        values.push(Scalar::Text(form));
    }
    let path = || path.clone();
    let mut any = vec![Filter::OneOf { path: path(), values }, Filter::Opaque(path())];
    if or_none {
        any.push(Filter::Not(Box::new(Filter::Exists(path()))));
    }
    Filter::Or { any, at_least: 1 }
}
