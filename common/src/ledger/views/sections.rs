//! Pages of what a caller may see. Each section is read along an index of its own, and no further than a page.
//!
//! One condition for all sections would read the rows of all callers.

use super::filter::Whose;

/// The most parts of one union. SQLite allows 500.
const PARTS: usize = 100;

/// The two expressions of an index.
// No two indexes have both expressions in common. For a key that several indexes have, PostgreSQL may read all of a wrong
// one, if it knows little of the table. So each index of schedules spells the key in another way, such as `(name || '')`.
// The indexes of tasks are partial, each with a condition on its own column.
#[derive(Clone, Copy)]
pub(in crate::ledger) struct SectionIndex {
    /// The principal, or the target.
    pub(in crate::ledger) column: &'static str,
    /// The key, in whose order pages are read.
    pub(in crate::ledger) key: &'static str,
}

/// The indexes of a table.
pub(in crate::ledger) struct SectionIndexes {
    /// All rows.
    pub(in crate::ledger) all: SectionIndex,
    /// The rows of each principal.
    pub(in crate::ledger) principal: SectionIndex,
    /// The rows about each target.
    pub(in crate::ledger) target: SectionIndex,
}

/// The rows of an index with this value of its column.
pub(in crate::ledger) type Section<'a> = (SectionIndex, &'a str);

impl Whose {
    /// Returns the sections of the filter. A row may be in several of them.
    pub(in crate::ledger) fn sections(&self, indexes: &SectionIndexes) -> Vec<Section<'_>> {
        match self {
            Self::All => vec![(indexes.all, "")],
            Self::Of(principal) => vec![(indexes.principal, principal.as_str())],
            Self::OfOrAbout(principal, targets) => {
                let about = targets.iter().map(|target| (indexes.target, target.as_str()));
                std::iter::once((indexes.principal, principal.as_str()))
                    .chain(about)
                    .collect()
            }
        }
    }
}

/// Returns the union of a page of each section. `page` writes the statement of one, with the number of the parameter of its
/// value. The first has the number `first`.
// The database sorts the union: only it knows its order of texts.
pub(in crate::ledger) fn united<Index, Value>(
    sections: &[(Index, Value)],
    first: usize,
    page: impl Fn(&Index, usize) -> String,
) -> String {
    let pages = (first..).zip(sections).map(|(n, (index, _))| page(index, n));
    let pages: Vec<String> = pages.collect();
    let groups: Vec<String> = pages.chunks(PARTS).map(union).collect();
    union(&groups)
}

fn union(parts: &[String]) -> String {
    let parts = parts.iter().enumerate();
    let parts = parts.map(|(n, part)| format!("SELECT * FROM ({part}) AS part{n}"));
    parts.collect::<Vec<_>>().join(" UNION ")
}
