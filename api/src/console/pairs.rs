//! Reading pairs of names and values: the parameters of a page, and the fields of a form.

/// Returns the first value of a name, empty if there is none.
pub(super) fn value<'a>(pairs: &'a [(String, String)], name: &str) -> &'a str {
    let found = pairs.iter().find(|(with, _)| with == name);
    found.map_or("", |(_, value)| value)
}

/// Returns all values of a name.
pub(super) fn values<'a>(pairs: &'a [(String, String)], name: &'a str) -> impl Iterator<Item = &'a str> {
    let named = pairs.iter().filter(move |(with, _)| with == name);
    named.map(|(_, value)| value.as_str())
}
