//! The rows of a table that a hold keeps.

use std::cell::Cell;
use std::collections::BTreeMap;

use lethe_common::config::Table;
use lethe_common::filter::{Bounds, Filter, Path, Scalar, Type};
use lethe_common::hold::{Hold, HoldOn};
use lethe_common::job::Field;

use super::union::union;
use crate::store::sql::SqlTable;

/// The rows of a table, as holds are compared with them.
pub(super) struct Rows<'a> {
    table: &'a Table,
    sql: &'a SqlTable,
    types: BTreeMap<String, Type>,
    /// Whether a text was left out, as its column cannot hold it.
    skips: Cell<bool>,
}

impl<'a> Rows<'a> {
    pub(super) fn new(table: &'a Table, sql: &'a SqlTable) -> Self {
        Self {
            table,
            sql,
            types: sql.types(),
            skips: Cell::new(false),
        }
    }

    /// Returns whether a text of a hold was left out, as the type of its column cannot hold it.
    pub(super) fn skips(&self) -> bool {
        self.skips.get()
    }

    /// Returns the filter of the rows that a hold on this table keeps; [`Filter::Nothing`]: none.
    pub(super) fn kept(&self, hold: &Hold) -> Filter {
        match &hold.on {
            HoldOn::Everything => Filter::All,
            HoldOn::Query(filter) => filter.clone(),
            HoldOn::Ids(ids) => match &self.table.columns {
                Some(columns) => self.among(&Path::column(&columns.id), ids, |id| self.sql.canonical(id)),
                None => Filter::Nothing,
            },
            HoldOn::Persons(names) => self.of_field(hold, Field::User, names),
            HoldOn::Workspaces(names) => self.of_field(hold, Field::Workspace, names),
        }
    }

    fn of_field(&self, hold: &Hold, field: Field, names: &[String]) -> Filter {
        match column(self.table, field) {
            Some(path) => self.among(&path, names, |name| self.sql.held(field, name)),
            // Their points say whose they are.
            None if payload(self.table, field).is_some() => Filter::Nothing,
            // Nothing says whose they are. A hold that names the table means its memories.
            None if hold.table.is_some() => Filter::All,
            None => Filter::Nothing,
        }
    }

    /// Returns the filter of the rows with one of these texts in a column. `held` returns a text as the column holds it.
    fn among(&self, path: &Path, texts: &[String], held: impl Fn(&str) -> Option<String>) -> Filter {
        let of = self.type_of(path);
        let mut values = Vec::with_capacity(texts.len());
        let mut others = Vec::new();
        for text in texts {
            let Some(text) = held(text) else {
                // No row has it, as long as the column keeps its type.
                self.skips.set(true);
                continue;
            };
            match Scalar::from(text.as_str()).read(of) {
                Some(value) => values.push(value),
                None => others.push(unread(path, of, &text)),
            }
        }
        if !values.is_empty() {
            let path = path.clone();
            others.push(Filter::OneOf { path, values });
        }
        union(others)
    }

    fn type_of(&self, path: &Path) -> Type {
        // A database may ignore the case of a column's name.
        let mut types = self.types.iter();
        let found = self.types.get(&path.column);
        let found = found.or_else(|| {
            types
                .find(|(name, _)| name.eq_ignore_ascii_case(&path.column))
                .map(|(_, of)| of)
        });
        found.copied().unwrap_or(Type::Any)
    }
}

/// Returns the path of a field in filters about rows, if the field has a column.
pub(super) fn column(table: &Table, field: Field) -> Option<Path> {
    let columns = table.columns.as_ref()?;
    match field {
        Field::User => columns.owner(),
        Field::Workspace => columns.workspace.as_ref().map(Path::column),
        Field::Agent | Field::App | Field::Run | Field::Kind => None,
    }
}

/// Returns the path of a field in filters about points, if the payload has it.
pub(super) fn payload(table: &Table, field: Field) -> Option<Path> {
    let collection = table.collection.as_ref()?;
    collection.payload.path(field).map(Path::from)
}

/// Returns the filter of the rows that may have a text which a filter cannot compare with a column of this type. SQLite's
/// columns of numbers hold texts too, and MySQL's numbers may be larger than those of a filter.
fn unread(path: &Path, of: Type, text: &str) -> Filter {
    let is_number = |text: &str| text.parse::<f64>().is_ok_and(f64::is_finite);
    let is_whole = |text: &str| text.parse::<i128>().is_ok();
    match of {
        Type::Integer(_) | Type::Number | Type::Float if is_whole(text) || !is_number(text) => {
            let bounds = Bounds {
                gte: Some(Scalar::Integer(i64::MIN)),
                lte: Some(Scalar::Integer(i64::MAX)),
                ..Bounds::default()
            };
            let path = path.clone();
            let comparable = Filter::Range {
                path: path.clone(),
                bounds,
            };
            Filter::And(vec![Filter::Exists(path), Filter::Not(Box::new(comparable))])
        }
        _ => Filter::All,
    }
}
