//! A table of facts. Each has a label, and one line or more.

use askama::Template;

/// A table of facts. A template shows it with `{{ facts|safe }}`.
#[derive(Template)]
#[template(path = "console/receipt_facts.html")]
pub(super) struct Facts {
    /// The word that its caption's id begins with.
    name: &'static str,
    title: &'static str,
    rows: Vec<Fact>,
}

/// A fact.
pub(super) struct Fact {
    what: &'static str,
    /// One line or more.
    says: Vec<String>,
}

impl Facts {
    /// Returns the table of these facts.
    pub(super) fn new(
        (name, title): (&'static str, &'static str),
        rows: impl IntoIterator<Item = Option<Fact>>,
    ) -> Self {
        Self {
            name,
            title,
            rows: rows.into_iter().flatten().collect(),
        }
    }
}

/// Returns a fact; `None` if nothing is said about it.
pub(super) fn fact(what: &'static str, says: impl IntoIterator<Item = String>) -> Option<Fact> {
    let says: Vec<String> = says.into_iter().collect();
    (!says.is_empty()).then_some(Fact { what, says })
}
