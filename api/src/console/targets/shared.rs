//! Tables and collections that several mappings share, and mappings that no worker has any more.

use std::collections::BTreeMap;

use lethe_common::config::PlaceKind;

use crate::console::jobs::place_of;
use crate::console::words;
use crate::routes::siblings::{Sibling, SiblingList};

/// A table or a collection.
pub(super) struct Shared {
    /// `collection`, `table` or `table of owners`.
    pub(super) kind: &'static str,
    pub(super) mappings: Vec<Sharing>,
}

/// A mapping in it.
pub(super) struct Sharing {
    pub(super) name: String,
    pub(super) served: String,
    /// Whether no worker has it.
    pub(super) is_unserved: bool,
}

impl Shared {
    /// Returns the places that need a look: those with several mappings, or with one that no worker has.
    pub(super) fn all(list: &SiblingList) -> Vec<Self> {
        let mut places: BTreeMap<&str, Vec<&Sibling>> = BTreeMap::new();
        for sibling in &list.siblings {
            places.entry(&sibling.place).or_default().push(sibling);
        }
        let is_of_owners = |kind: &str| kind == PlaceKind::Owners.as_str();
        let is_shown = |siblings: &Vec<&Sibling>| {
            // Mappings may have their owners in one table.
            let is_common = siblings.len() > 1 && siblings.iter().any(|one| !is_of_owners(one.kind));
            is_common || siblings.iter().any(|one| one.served_by == 0)
        };
        let shown = places.into_values().filter(is_shown);
        let shared = shown.filter_map(|siblings| {
            let kind = siblings.first()?.kind;
            Some(Self {
                kind: if is_of_owners(kind) { "table of owners" } else { kind },
                mappings: siblings.into_iter().map(Sharing::from).collect(),
            })
        });
        shared.collect()
    }
}

impl From<&Sibling> for Sharing {
    fn from(sibling: &Sibling) -> Self {
        Self {
            name: place_of(Some(&sibling.target), Some(&sibling.table)),
            served: words::many(sibling.served_by as u64, "worker", "workers"),
            is_unserved: sibling.served_by == 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mappings_may_have_their_owners_in_one_table() {
        let sibling = |kind: PlaceKind, table: &str, served_by| Sibling {
            place: "p".to_owned(),
            kind: kind.as_str(),
            target: "main".to_owned(),
            table: table.to_owned(),
            served_by,
        };
        for (kind, served_by, shown) in [
            (PlaceKind::Table, 1, Some("table")),
            (PlaceKind::Owners, 1, None),
            (PlaceKind::Owners, 0, Some("table of owners")),
        ] {
            let siblings = vec![sibling(kind, "a", 1), sibling(kind, "b", served_by)];
            let shared = Shared::all(&SiblingList { siblings });
            assert_eq!(shared.first().map(|shared| shared.kind), shown, "{kind:?}");
        }
    }
}
