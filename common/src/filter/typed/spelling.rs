//! Ranges in several spellings (loose bounds), such as dates and numbers that count. A column's type takes one of them.
//!
//! A spelling that the type does not take matches nothing. If the type takes none, the range matches nothing, and its
//! negation everything.

use super::{Filter, Mistyped, Type};

/// Refuses alternatives that are all spellings that the columns do not take.
pub(super) fn check(any: &[Filter], types: &dyn Fn(&str) -> Type) -> Result<(), Mistyped> {
    let untaken: Option<Vec<Mistyped>> = any.iter().map(|part| untaken(part, types)).collect();
    untaken.into_iter().flatten().next().map_or(Ok(()), Err)
}

/// Returns the type error of a part with a spelling that its column does not take.
fn untaken(part: &Filter, types: &dyn Fn(&str) -> Type) -> Option<Mistyped> {
    match part {
        Filter::And(parts) => parts.iter().find_map(|part| untaken(part, types)),
        Filter::Range { path, bounds } if bounds.loose => {
            let of = path.compared(types(&path.column));
            (!bounds.within(of).is_of(of)).then(|| Mistyped {
                column: path.column.clone(),
                of,
                asked: bounds.asked(),
            })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::tests::check;

    fn loose(column: &str, bound: &Value) -> Value {
        json!({"range": {"path": [column], "bounds": {"gt": bound, "loose": true}}})
    }

    /// Returns a range that is a date or a number, as the column's type has it.
    fn either(column: &str) -> Value {
        let holds_moments = loose(column, &json!("0001-01-01"));
        let numbers = json!({"and": [{"not": holds_moments}, loose(column, &json!(7))]});
        json!({"or": {"at_least": 1, "any": [loose(column, &json!("2025-01-01")), numbers]}})
    }

    #[test]
    fn a_column_takes_one_of_several_spellings() {
        for column in ["text", "whole", "float", "at", "seconds", "meta", "unknown"] {
            assert_eq!(check(&either(column)), Ok(()), "{column}");
        }
    }

    #[test]
    fn a_range_of_which_the_column_takes_no_spelling_is_refused_wherever_it_is() {
        for (column, said) in [
            ("flag", "column `flag` holds true and false: they have no order"),
            ("uuid", "column `uuid` holds UUIDs: write one"),
            ("bytes", "column `bytes` holds bytes: write them as hexadecimal digits"),
        ] {
            let either = either(column);
            let kept = json!({"or": {"at_least": 1, "any": [either, {"opaque": [column]}]}});
            for filter in [
                either.clone(),
                json!({"not": either}),
                json!({"and": ["all", {"not": kept}]}),
            ] {
                assert_eq!(check(&filter), Err(said.to_owned()), "{filter}");
            }
            // Beside a condition that the column can meet, another spelling may match nothing.
            let beside = json!({"or": {"at_least": 1, "any": [{"exists": [column]}, loose(column, &json!(7))]}});
            assert_eq!(check(&beside), Ok(()), "{column}");
        }
    }
}
