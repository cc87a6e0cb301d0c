//! Ids of points, and their derivation from ids of memories.

use std::fmt;

use lethe_common::config::{Collection, PointId as Rule};
use qdrant_client::qdrant;
use qdrant_client::qdrant::point_id::PointIdOptions;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::payload::Whose;

/// The id of a point: a number or a hyphenated string in JSON.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(untagged)]
pub enum PointId {
    /// A number.
    Num(u64),
    /// A UUID.
    Uuid(Uuid),
}

// A point's id mostly is a memory's id, and no log shows one.
impl fmt::Debug for PointId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PointId(..)")
    }
}

/// A point that may belong to a memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Point {
    /// Its id.
    pub id: PointId,
    /// The owner values of its payload.
    pub whose: Whose,
    /// The memory's id in its payload, if there is one.
    pub memory: Option<String>,
    /// The memory of the lookup, if the payload names it.
    pub named: Option<String>,
    /// Whether its own id is that of another memory with a row: the point's memory is then unknown.
    pub is_contradicted: bool,
    /// Whether its payload names another memory, or several.
    pub is_foreign: bool,
}

impl Point {
    /// Returns whether it may belong to another memory, by its payload or by its own id.
    pub(crate) fn is_of_another(&self) -> bool {
        self.is_foreign || self.is_contradicted
    }
}

impl From<PointId> for qdrant::PointId {
    fn from(id: PointId) -> Self {
        match id {
            PointId::Num(number) => number.into(),
            PointId::Uuid(uuid) => uuid.into(),
        }
    }
}

impl PointId {
    /// Returns the id as a text.
    pub(crate) fn text(self) -> String {
        match self {
            Self::Num(number) => number.to_string(),
            Self::Uuid(uuid) => uuid.to_string(),
        }
    }

    /// Reads an id that was written by [`text`](Self::text).
    pub(crate) fn from_text(text: &str) -> Option<Self> {
        let uuid = || Uuid::try_parse(text).ok().map(Self::Uuid);
        number(text).map(Self::Num).or_else(uuid)
    }

    /// Reads the id of a point that the store returned.
    pub(super) fn read(id: Option<&qdrant::PointId>) -> Option<Self> {
        match id?.point_id_options.as_ref()? {
            PointIdOptions::Num(number) => Some(Self::Num(*number)),
            PointIdOptions::Uuid(text) => Uuid::try_parse(text).ok().map(Self::Uuid),
        }
    }
}

/// Returns the point of a memory whose row exists. The row is the handle, so every spelling of its
/// UUID means the same point. `None` where points are found by payload, or the id cannot be a
/// point's.
pub fn point_of_row(collection: &Collection, id: &str) -> Option<PointId> {
    match collection.point {
        Rule::Uuid => Uuid::try_parse(id).ok().map(PointId::Uuid),
        Rule::Number => number(id).map(PointId::Num),
        Rule::Uuid5 => {
            let namespace = collection.namespace.unwrap_or(Uuid::NAMESPACE_OID);
            Some(PointId::Uuid(Uuid::new_v5(&namespace, id.as_bytes())))
        }
        Rule::Payload => None,
    }
}

/// Returns the point of a memory whose row is gone, by the id's canonical spelling only. Without a
/// row as proof, an id that differs in case must not reach another memory's vector.
pub fn point_of_orphan(collection: &Collection, id: &str) -> Option<PointId> {
    match (collection.point, point_of_row(collection, id)?) {
        (Rule::Uuid, PointId::Uuid(uuid)) if uuid.to_string() != id => None,
        (_, point) => Some(point),
    }
}

/// Returns the memory's id that a point's id means, where that is known.
pub(crate) fn memory_of(rule: Rule, point: PointId) -> Option<String> {
    match (rule, point) {
        (Rule::Uuid, PointId::Uuid(uuid)) => Some(uuid.to_string()),
        (Rule::Number, PointId::Num(number)) => Some(number.to_string()),
        _ => None,
    }
}

// `007` and `+7` are other ids than `7`.
fn number(id: &str) -> Option<u64> {
    id.parse().ok().filter(|number: &u64| number.to_string() == id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use lethe_common::config::{MappingScope, Payload};

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
    fn a_row_vouches_for_every_spelling_of_its_uuid() {
        let uuid = Some(PointId::Uuid(Uuid::parse_str(ID).unwrap()));
        for id in [
            ID.to_owned(),
            ID.to_uppercase(),
            ID.replace('-', ""),
            format!("{{{ID}}}"),
        ] {
            assert_eq!(point_of_row(&collection(Rule::Uuid), &id), uuid, "{id}");
        }
    }

    #[test]
    fn without_a_row_only_the_canonical_spelling_reaches_a_point() {
        let rule = collection(Rule::Uuid);
        assert!(point_of_orphan(&rule, ID).is_some());
        for id in [
            ID.to_uppercase(),
            ID.replace('-', ""),
            format!("{{{ID}}}"),
            "7".to_owned(),
        ] {
            assert_eq!(point_of_orphan(&rule, &id), None, "{id}");
        }
    }

    #[test]
    fn a_number_is_read_only_as_it_is_written() {
        let rule = collection(Rule::Number);
        assert_eq!(point_of_row(&rule, "7"), Some(PointId::Num(7)));
        assert_eq!(
            point_of_row(&rule, "18446744073709551615"),
            Some(PointId::Num(u64::MAX))
        );
        for id in ["007", "+7", "-7", " 7", "7.0", "18446744073709551616", ID] {
            assert_eq!(point_of_row(&rule, id), None, "{id}");
        }
    }

    #[test]
    fn a_named_uuid_depends_on_every_byte_of_the_id() {
        let rule = collection(Rule::Uuid5);
        let expected = Uuid::new_v5(&Uuid::NAMESPACE_OID, b"memory-1");
        assert_eq!(point_of_orphan(&rule, "memory-1"), Some(PointId::Uuid(expected)));
        assert_ne!(point_of_row(&rule, "Memory-1"), point_of_row(&rule, "memory-1"));
    }

    #[test]
    fn point_ids_are_numbers_or_hyphenated_strings_in_json() {
        let ids = [PointId::Num(u64::MAX), PointId::Uuid(Uuid::parse_str(ID).unwrap())];
        let json = serde_json::to_string(&ids).unwrap();
        assert_eq!(json, format!("[18446744073709551615,\"{ID}\"]"));
        assert_eq!(serde_json::from_str::<[PointId; 2]>(&json).unwrap(), ids);
    }
}
