//! What a column holds.

use std::collections::BTreeMap;

use lethe_common::filter::Type;

/// Returns what a column holds.
// Databases take names in either case, but for PostgreSQL, where mappings have the name as it is.
pub(super) fn held(types: &BTreeMap<String, Type>, column: &str) -> Type {
    let in_another_case = || types.iter().find(|(name, _)| name.eq_ignore_ascii_case(column));
    let found = types.get(column).or_else(|| in_another_case().map(|(_, of)| of));
    found.copied().unwrap_or(Type::Any)
}
