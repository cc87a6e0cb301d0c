//! The links between the pages of a list.

use askama::Template;

use super::filters::Filters;
use super::links;

/// The parameter that holds the place of a page in its list.
pub(super) const AFTER: &str = "after";

/// The links between the pages of a list. A template shows them with `{{ pages|safe }}`.
#[derive(Template)]
#[template(path = "console/pages.html")]
pub(super) struct Pages {
    /// The label and the path of the first page, if this is another one.
    first: Option<(&'static str, String)>,
    /// The label and the path of the next page, if there is one.
    next: Option<(&'static str, String)>,
}

impl Pages {
    /// Returns the links of the page at `path` with its filters. The labels are those of the first and the next page.
    pub(super) fn new(
        path: &str,
        filters: &Filters,
        next: Option<&str>,
        (first, more): (&'static str, &'static str),
    ) -> Self {
        let at = |place| links::with(path, filters.without(AFTER).chain([(AFTER, place)]));
        let is_first = filters.value(AFTER).is_empty();
        Self {
            first: (!is_first).then(|| (first, at(""))),
            next: next.map(|next| (more, at(next))),
        }
    }
}
