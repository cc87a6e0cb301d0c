//! The ids that holds name, compared with memories that have no row. A row is compared by the database.

use std::collections::HashSet;

use lethe_common::config::Collection;

use crate::store::Spelling;
use crate::store::vector::{PointId, point_of_row};

/// Ids of memories, in every spelling, with the points that follow from them.
// Personal data: no `Debug`.
#[derive(Clone, Default)]
pub(super) struct Named {
    spelling: Spelling,
    ids: HashSet<String>,
    points: HashSet<PointId>,
}

impl Named {
    /// Returns the ids of no memory, in a table whose ids have these spellings.
    pub(super) fn nobody(spelling: Spelling) -> Self {
        Self {
            spelling,
            ..Self::default()
        }
    }

    /// Adds ids.
    pub(super) fn add(&mut self, ids: &[String], collection: Option<&Collection>) {
        for id in ids {
            self.ids.extend(canonical(self.spelling, id));
            if let Some(collection) = collection {
                let forms = forms(self.spelling, id).into_iter();
                self.points
                    .extend(forms.filter_map(|form| point_of_row(collection, &form)));
            }
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// Returns whether it has the id of a memory.
    pub(super) fn has(&self, id: &str) -> bool {
        !self.is_empty() && canonical(self.spelling, id).iter().any(|id| self.ids.contains(id))
    }

    /// Returns whether a point follows from one of the ids.
    pub(super) fn has_point(&self, point: PointId) -> bool {
        self.points.contains(&point)
    }
}

/// Returns every spelling of a value. Without a row, spellings of one UUID count as one value, whatever the column's type.
pub(super) fn forms(spelling: Spelling, value: &str) -> Vec<String> {
    let mut forms = spelling.forms(value);
    for form in Spelling::Uuid.forms(value) {
        if !forms.contains(&form) {
            forms.push(form);
        }
    }
    forms
}

/// Returns the spellings by which ids are compared: by the column's type, and as UUIDs.
fn canonical(spelling: Spelling, id: &str) -> [String; 2] {
    [spelling.canonical(id), Spelling::Uuid.canonical(id)]
}

#[cfg(test)]
mod tests {
    use lethe_common::config::{MappingScope, Payload, PointId as Rule};
    use uuid::Uuid;

    use super::*;

    const ID: &str = "0190a0a0-0000-7000-8000-00000000000a";

    fn collection(point: Rule) -> Collection {
        Collection {
            name: "c".to_owned(),
            point,
            namespace: None,
            payload: Payload::default(),
            scope: MappingScope::default(),
        }
    }

    #[test]
    fn an_id_is_named_in_every_spelling_even_where_ids_are_texts() {
        let mut named = Named::nobody(Spelling::Exact);
        assert!(named.is_empty() && !named.has(ID));
        named.add(&[ID.to_uppercase(), "a".to_owned()], Some(&collection(Rule::Uuid)));
        for id in [ID.to_owned(), ID.replace('-', ""), ID.to_uppercase(), "a".to_owned()] {
            assert!(named.has(&id), "{id}");
        }
        assert!(!named.has("A"));
        assert!(named.has_point(PointId::Uuid(Uuid::parse_str(ID).unwrap())));
    }

    #[test]
    fn a_point_is_named_by_the_rule_of_its_collection() {
        let mut numbers = Named::nobody(Spelling::Exact);
        numbers.add(&["7".to_owned()], Some(&collection(Rule::Number)));
        assert!(numbers.has_point(PointId::Num(7)) && !numbers.has_point(PointId::Num(8)));
        let mut hashes = Named::nobody(Spelling::Exact);
        hashes.add(&["7".to_owned()], Some(&collection(Rule::Uuid5)));
        let point = Uuid::new_v5(&Uuid::NAMESPACE_OID, b"7");
        assert!(hashes.has_point(PointId::Uuid(point)));
    }
}
