//! The store's keys for the path of a value in a payload.
//!
//! A filter's path leads through lists. The store's key leads through a list only where it has `[]`. So
//! one path becomes one key for each combination of lists on the way.

use lethe_common::filter::Path;

/// Returns the key of a field on the first level, to be read with all fields below.
pub(super) fn first(path: &Path) -> String {
    quoted(&path.column)
}

/// Returns all keys that a path may have.
pub(super) fn all(path: &Path) -> Vec<String> {
    let mut keys = vec![first(path)];
    for step in &path.steps {
        let step = quoted(step);
        keys = keys
            .iter()
            .flat_map(|key| [format!("{key}.{step}"), format!("{key}[].{step}")])
            .collect();
    }
    keys
}

/// Returns a name as the store writes it, quoted only where it must be: the store names its indexes so.
// Names with quotation marks are refused before (`Filter::check_points`).
fn quoted(name: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-');
    if !name.is_empty() && name.chars().all(plain) {
        name.to_owned()
    } else {
        format!("\"{name}\"")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(names: &[&str]) -> Path {
        Path::try_from(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()).unwrap()
    }

    #[test]
    fn a_list_may_stand_at_each_place_but_the_last() {
        assert_eq!(all(&path(&["user"])), ["user"]);
        assert_eq!(all(&path(&["a", "b"])), ["a.b", "a[].b"]);
        assert_eq!(
            all(&path(&["a", "b", "c"])),
            ["a.b.c", "a.b[].c", "a[].b.c", "a[].b[].c"]
        );
    }

    #[test]
    fn names_are_quoted_where_the_store_quotes_them() {
        assert_eq!(
            all(&path(&["x.y", "é-_1", "it's"])),
            [
                "\"x.y\".é-_1.\"it's\"",
                "\"x.y\".é-_1[].\"it's\"",
                "\"x.y\"[].é-_1.\"it's\"",
                "\"x.y\"[].é-_1[].\"it's\"",
            ]
        );
    }
}
