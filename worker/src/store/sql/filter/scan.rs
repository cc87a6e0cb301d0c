//! Whether the database needs a full table scan to find a job's rows.
//!
//! The answer comes from the mapping, not from the database's plans: plans change with the statistics of a
//! table, and a warning should not. An index on an expression, on JSON or on some rows only does not count.

use lethe_common::filter::{Bounds, Filter, Path, Scalar, Type};

use super::super::column::{Declared, Holds, Kind};
use super::super::dialect::Dialect;
use super::super::mapping::Mapping;
use super::leaf::type_of;
use crate::store::Conditions;

/// How the database finds a condition's rows, cheapest way first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Access {
    /// There are no rows.
    Nowhere,
    /// By an index.
    Indexed,
    /// By a scan of every row.
    Scanned,
    /// The condition is true for every row.
    Everywhere,
}

/// Returns whether the database reads all rows although not all match.
pub(in super::super) fn is_full_scan(dialect: Dialect, mapping: &Mapping, conditions: &Conditions) -> bool {
    let is_indexed = |column: &str| mapping.indexed.contains(column);
    let fields = conditions.fields.iter().filter_map(|(field, _)| mapping.field(*field));
    let query = conditions.query.as_ref();
    let found = fields
        .map(|column| by_index(is_indexed(&column.name)))
        .chain(query.map(|query| Scan { dialect, mapping }.of(&query.filter)));
    all(found) == Access::Scanned
}

fn by_index(indexed: bool) -> Access {
    if indexed { Access::Indexed } else { Access::Scanned }
}

/// Returns the access to rows that meet all conditions: one index is enough.
fn all(parts: impl Iterator<Item = Access>) -> Access {
    parts.min().unwrap_or(Access::Everywhere)
}

struct Scan<'a> {
    dialect: Dialect,
    mapping: &'a Mapping,
}

impl Scan<'_> {
    fn of(&self, filter: &Filter) -> Access {
        match filter {
            Filter::All => Access::Everywhere,
            Filter::Nothing => Access::Nowhere,
            Filter::And(parts) => all(parts.iter().map(|part| self.of(part))),
            // For rows that meet one of several conditions, each condition needs an index.
            Filter::Or { any, at_least: 0 | 1 } => {
                any.iter().map(|part| self.of(part)).max().unwrap_or(Access::Nowhere)
            }
            Filter::Or { .. } | Filter::Text { .. } | Filter::Exists(_) => Access::Scanned,
            // A column without JSON has no lists or objects.
            Filter::Opaque(path) => match self.mapping.asked(self.dialect, path) {
                Some((_, holds)) if !super::leaf::in_json(path, holds) => Access::Nowhere,
                _ => Access::Scanned,
            },
            Filter::Not(part) => match self.of(part) {
                Access::Nowhere => Access::Everywhere,
                Access::Everywhere => Access::Nowhere,
                Access::Indexed | Access::Scanned => Access::Scanned,
            },
            Filter::Ids(_) => Access::Indexed,
            Filter::OneOf { path, .. } => by_index(self.holds(path).is_some_and(|holds| self.finds_equals(holds))),
            Filter::Range { path, bounds } => {
                let of = self
                    .mapping
                    .asked(self.dialect, path)
                    .map(|(_, holds)| super::leaf::type_of(holds));
                let bounds = bounds.within(of.unwrap_or(Type::Any));
                if bounds.given().next().is_none() {
                    return Access::Nowhere;
                }
                by_index(self.holds(path).is_some_and(|holds| self.finds_range(holds, bounds)))
            }
        }
    }

    /// Returns the type of a column that has an index. For an owner's name, that is the index of the references.
    fn holds(&self, path: &Path) -> Option<&Holds> {
        let (name, holds) = self.mapping.asked(self.dialect, path)?;
        let owner = self.mapping.owner(self.dialect, path);
        let name = owner.map_or(name, |(column, _)| column.name.as_str());
        (path.steps.is_empty() && self.mapping.indexed.contains(name)).then_some(holds)
    }

    // Follows the conditions in `leaf` and `mysql`: on the column itself, or on an expression of it.
    fn finds_equals(&self, holds: &Holds) -> bool {
        match holds {
            Holds::Json | Holds::Jsonb | Holds::Array | Holds::Declared(Declared::Json) => false,
            Holds::Moments(_) => match self.dialect {
                // The index finds texts by the days that they begin with.
                Dialect::Sqlite => true,
                Dialect::Postgres | Dialect::Mysql => false,
            },
            Holds::Counted { number, .. } => self.finds_equals(number),
            Holds::Time { type_name } => match self.dialect {
                Dialect::Mysql => true,
                Dialect::Postgres | Dialect::Sqlite => *type_name != "pg_catalog.date",
            },
            Holds::Key(_) | Holds::Float | Holds::Numeric | Holds::Bool | Holds::Declared(_) => true,
        }
    }

    fn finds_range(&self, holds: &Holds, bounds: &Bounds) -> bool {
        let by_text = bounds.given().any(|(_, bound)| matches!(bound, Scalar::Text(_)));
        match holds {
            Holds::Key(Kind::Text { .. } | Kind::Collated { .. } | Kind::NativeUuid) => false,
            Holds::Declared(declared) => {
                let by_days = bounds.as_moments(type_of(holds)).is_some();
                matches!(declared, Declared::Text | Declared::Bytes { .. }) || !by_text || by_days
            }
            holds => self.finds_equals(holds),
        }
    }
}
