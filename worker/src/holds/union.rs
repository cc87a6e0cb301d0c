//! The union of filters. Many holds name one person each: their values become one list.

use lethe_common::filter::{Filter, Path, Scalar};

/// Returns the filter of what any of the filters selects; [`Filter::Nothing`] without filters.
pub(super) fn union(filters: impl IntoIterator<Item = Filter>) -> Filter {
    let mut joined = Joined::default();
    for filter in filters {
        joined.add(filter);
    }
    joined.filter()
}

/// Parts of a union.
#[derive(Default)]
struct Joined {
    is_all: bool,
    values: Vec<(Path, Vec<Scalar>)>,
    others: Vec<Filter>,
}

impl Joined {
    fn add(&mut self, filter: Filter) {
        match filter {
            Filter::All => self.is_all = true,
            Filter::Nothing => {}
            Filter::Or { any, at_least: 1 } => {
                for part in any {
                    self.add(part);
                }
            }
            Filter::OneOf { path, values } => match self.values.iter_mut().find(|(known, _)| *known == path) {
                Some((_, known)) => known.extend(values),
                None => self.values.push((path, values)),
            },
            other if self.others.contains(&other) => {}
            other => self.others.push(other),
        }
    }

    fn filter(self) -> Filter {
        if self.is_all {
            return Filter::All;
        }
        let values = self.values.into_iter();
        let lists = values.map(|(path, values)| Filter::OneOf { path, values });
        let mut any: Vec<Filter> = lists.chain(self.others).collect();
        match any.len() {
            0 => Filter::Nothing,
            1 => any.remove(0),
            _ => Filter::Or { any, at_least: 1 },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one_of(column: &str, value: &str) -> Filter {
        Filter::OneOf {
            path: Path::column(column),
            values: vec![Scalar::from(value)],
        }
    }

    #[test]
    fn values_of_one_path_become_one_list() {
        let exists = || Filter::Exists(Path::column("user"));
        let either = Filter::Or {
            any: vec![one_of("user", "ben"), exists()],
            at_least: 1,
        };
        let joined = union([
            one_of("user", "ana"),
            Filter::Nothing,
            either,
            exists(),
            one_of("team", "x"),
        ]);
        let list = Filter::OneOf {
            path: Path::column("user"),
            values: vec![Scalar::from("ana"), Scalar::from("ben")],
        };
        let expected = Filter::Or {
            any: vec![list, one_of("team", "x"), exists()],
            at_least: 1,
        };
        assert!(joined == expected);
    }

    #[test]
    fn all_is_all_and_none_is_nothing() {
        assert!(union([one_of("user", "ana"), Filter::All]) == Filter::All);
        assert!(union([]) == Filter::Nothing);
        assert!(union([Filter::Nothing]) == Filter::Nothing);
        assert!(union([one_of("user", "ana")]) == one_of("user", "ana"));
    }
}
