//! The payload of a point: the fields that identify its memory and its owner.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::sync::Arc;

use lethe_common::config::{Constant, MappingScope, Payload};
use lethe_common::job::Field;
use qdrant_client::qdrant::Value;
use qdrant_client::qdrant::value::Kind;

/// The fields that are compared between a point and its memory's row. Fields that may change while the memory
/// stays the same are not among them, nor are fields about its content.
pub const COMPARED: [Field; 3] = [Field::User, Field::Workspace, Field::Kind];

/// The value of a payload at one path.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum Said {
    /// Nothing: there is no such field, or it is null, or an empty list.
    Nothing,
    /// One text, or a list of it alone.
    Text(String),
    /// One whole number, or a list of it alone.
    Number(i64),
    /// A list of several values; it keeps those that are texts or whole numbers.
    Several(Vec<String>),
    /// A value that identifies no owner or memory: an object, a fraction, `true`.
    Other,
}

// Owners are personal data.
impl fmt::Debug for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Said(..)")
    }
}

impl Said {
    /// Returns the one value as a text, if there is one.
    pub(crate) fn one(&self) -> Option<String> {
        match self {
            Self::Text(text) => Some(text.clone()),
            Self::Number(number) => Some(number.to_string()),
            Self::Nothing | Self::Several(_) | Self::Other => None,
        }
    }

    /// Returns every identifying value, as text.
    pub(super) fn all(&self) -> Vec<String> {
        match self {
            Self::Several(all) => all.clone(),
            other => other.one().into_iter().collect(),
        }
    }
}

/// The owner values of a payload, as they were read: only of the fields that decide whether the point may be
/// deleted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Whose(Arc<[(Field, Said)]>);

impl Whose {
    /// Reads the given fields, as far as they are mapped.
    pub(super) fn read(
        mapping: &Payload,
        fields: impl IntoIterator<Item = Field>,
        payload: &HashMap<String, Value>,
    ) -> Self {
        let said = |field| Some((field, said(payload, mapping.get(field)?)));
        Self(fields.into_iter().filter_map(said).collect())
    }

    /// Returns the value of a field; `None` if it is not mapped, or was not read.
    pub(crate) fn get(&self, field: Field) -> Option<&Said> {
        self.iter().find(|(name, _)| *name == field).map(|(_, said)| said)
    }

    /// Returns all fields with their values.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Field, &Said)> {
        self.0.iter().map(|(field, said)| (*field, said))
    }
}

/// Returns the payload fields that identify a point's memory: its id, its scope, and the given fields.
pub(super) fn fields(payload: &Payload, scope: &MappingScope, more: impl IntoIterator<Item = Field>) -> Vec<String> {
    let fields: BTreeSet<&str> = more
        .into_iter()
        .filter_map(|field| payload.get(field))
        .chain(payload.id.as_deref())
        .chain(scope.iter().map(|(path, _)| path))
        .collect();
    fields.into_iter().map(str::to_owned).collect()
}

/// Returns whether a payload has every value of a scope.
pub(super) fn is_in(scope: &MappingScope, payload: &HashMap<String, Value>) -> bool {
    scope
        .iter()
        .all(|(path, constant)| match (constant, said(payload, path)) {
            (Constant::Text(wanted), Said::Text(found)) => *wanted == found,
            (Constant::Whole(wanted), Said::Number(found)) => *wanted == found,
            _ => false,
        })
}

/// Returns the one value at a dotted path as text, or `None` if there is none, or more than one.
///
/// A list counts only if it has exactly one element: a point that also belongs to another owner must
/// not be erased for this one, though the store's own filters would match it.
pub(super) fn text(payload: &HashMap<String, Value>, path: &str) -> Option<String> {
    said(payload, path).one()
}

/// Returns the value of a payload at a dotted path.
pub(super) fn said(payload: &HashMap<String, Value>, path: &str) -> Said {
    let mut parts = path.split('.');
    let Some(mut value) = parts.next().and_then(|first| payload.get(first)) else {
        return Said::Nothing;
    };
    for part in parts {
        value = match &value.kind {
            Some(Kind::StructValue(inner)) => match inner.fields.get(part) {
                Some(value) => value,
                None => return Said::Nothing,
            },
            // The store's own paths do not lead through a list either, but it may contain a value.
            Some(Kind::ListValue(list)) if !list.values.is_empty() => return Said::Other,
            _ => return Said::Nothing,
        };
    }
    match &value.kind {
        Some(Kind::ListValue(list)) => match list.values.as_slice() {
            [] => Said::Nothing,
            [only] => scalar(only),
            several => Said::Several(several.iter().filter_map(|value| scalar(value).one()).collect()),
        },
        _ => scalar(value),
    }
}

fn scalar(value: &Value) -> Said {
    match &value.kind {
        None | Some(Kind::NullValue(_)) => Said::Nothing,
        Some(Kind::StringValue(text)) => Said::Text(text.clone()),
        Some(Kind::IntegerValue(number)) => Said::Number(*number),
        Some(_) => Said::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn payload(value: serde_json::Value) -> HashMap<String, Value> {
        qdrant_client::Payload::try_from(value).unwrap().into()
    }

    fn at(value: &serde_json::Value) -> Said {
        said(&payload(json!({"meta": {"user": value}})), "meta.user")
    }

    #[test]
    fn a_payload_says_one_value_or_nothing_or_what_identifies_nobody() {
        let text = |text: &str| Said::Text(text.to_owned());
        for (value, expected) in [
            (json!("alice"), text("alice")),
            (json!(["alice"]), text("alice")),
            (json!("Alice "), text("Alice ")),
            (json!(7), Said::Number(7)),
            (json!([7]), Said::Number(7)),
            (json!(null), Said::Nothing),
            (json!([]), Said::Nothing),
            (json!([null]), Said::Nothing),
            (
                json!(["alice", 7]),
                Said::Several(vec!["alice".to_owned(), "7".to_owned()]),
            ),
            (json!([null, null]), Said::Several(Vec::new())),
            (json!([["alice"]]), Said::Other),
            (json!({"name": "alice"}), Said::Other),
            (json!(7.0), Said::Other),
            (json!(true), Said::Other),
        ] {
            assert!(at(&value) == expected, "{value}");
        }
        for (value, path, expected) in [
            (json!({}), "meta.user", Said::Nothing),
            (json!({"meta": null}), "meta.user", Said::Nothing),
            (json!({"meta": {}}), "meta.user", Said::Nothing),
            (json!({"meta": "alice"}), "meta.user", Said::Nothing),
            (json!({"meta": [{"user": "alice"}]}), "meta.user", Said::Other),
            (json!({"meta": []}), "meta.user", Said::Nothing),
        ] {
            assert!(said(&payload(value.clone()), path) == expected, "{value}");
        }
    }

    #[test]
    fn a_scope_is_present_and_equal_or_the_point_is_outside() {
        let scope: MappingScope = serde_json::from_value(json!({"tenant": "a", "n.o": 7})).unwrap();
        for (value, inside) in [
            (json!({"tenant": "a", "n": {"o": 7}}), true),
            (json!({"tenant": ["a"], "n": {"o": 7}}), true),
            (json!({"tenant": "a", "n": {"o": "7"}}), false),
            (json!({"tenant": "b", "n": {"o": 7}}), false),
            (json!({"tenant": ["a", "b"], "n": {"o": 7}}), false),
            (json!({"tenant": "a"}), false),
            (json!({"tenant": null, "n": {"o": 7}}), false),
        ] {
            assert_eq!(is_in(&scope, &payload(value.clone())), inside, "{value}");
        }
    }
}
