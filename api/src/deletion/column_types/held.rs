//! The type of a column.

use std::collections::BTreeMap;

use lethe_common::filter::Type;

/// Returns the type of a column.
// Column names ignore case, except in PostgreSQL. There the mapping has the exact name.
pub(super) fn held(types: &BTreeMap<String, Type>, column: &str) -> Type {
    let in_another_case = || types.iter().find(|(name, _)| name.eq_ignore_ascii_case(column));
    let found = types.get(column).or_else(|| in_another_case().map(|(_, of)| of));
    found.copied().unwrap_or(Type::Any)
}
