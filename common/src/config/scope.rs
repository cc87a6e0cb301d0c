//! The scope of a mapping: constants that tell its memories from those of another mapping in the same
//! table or collection.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserializer, Error, Visitor};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The columns, or payload fields, that hold the same value in all memories of a mapping.
///
/// Empty: no other mapping shares its table or collection.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MappingScope(BTreeMap<String, Constant>);

/// A value of a scope.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Constant {
    /// A text.
    Text(String),
    /// A whole number.
    Whole(i64),
}

impl MappingScope {
    /// Returns whether it is empty: no other mapping shares the table or collection.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the columns, or payload fields, with their values.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Constant)> {
        self.0.iter().map(|(name, constant)| (name.as_str(), constant))
    }

    /// Returns whether no memory can be in both scopes: a column or field has another value in each.
    pub fn is_disjoint(&self, other: &Self) -> bool {
        self.iter()
            .any(|(name, constant)| other.0.get(name).is_some_and(|other| !constant.may_equal(other)))
    }
}

impl Constant {
    /// Returns the value as a text.
    pub fn text(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Whole(number) => number.to_string(),
        }
    }

    /// Returns whether some column type takes both values as equal: `7` and `"7"` in a number, two spellings of a
    /// UUID, two cases of a text.
    // Only workers know the type. Two constants that may be equal do not tell mappings apart.
    fn may_equal(&self, other: &Self) -> bool {
        self.folded() == other.folded()
    }

    /// Returns one text for all values that some column type takes as equal.
    pub(super) fn folded(&self) -> String {
        let text = self.text();
        Uuid::try_parse(&text).map_or_else(|_| text.to_lowercase(), |uuid| uuid.to_string())
    }
}

impl<'de> Deserialize<'de> for Constant {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Value;
        impl Visitor<'_> for Value {
            type Value = Constant;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text or a whole number")
            }
            fn visit_i64<E: Error>(self, number: i64) -> Result<Constant, E> {
                Ok(Constant::Whole(number))
            }
            fn visit_u64<E: Error>(self, number: u64) -> Result<Constant, E> {
                let number = i64::try_from(number).map_err(|_| E::custom("write a number below 2^63"))?;
                Ok(Constant::Whole(number))
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Constant, E> {
                if text.is_empty() || text.contains('\0') {
                    return Err(E::custom("write a text that is not empty, or a whole number"));
                }
                Ok(Constant::Text(text.to_owned()))
            }
        }
        from.deserialize_any(Value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(json: serde_json::Value) -> MappingScope {
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn scopes_are_disjoint_only_if_a_shared_name_has_values_that_no_type_equals() {
        let cases = [
            (r#"{"t":"a"}"#, r#"{"t":"b"}"#, true),
            (r#"{"t":"a","u":1}"#, r#"{"t":"a","u":2}"#, true),
            (r#"{"t":"a"}"#, r#"{"t":"a"}"#, false),
            (r#"{"t":"a"}"#, r#"{"u":"b"}"#, false),
            (r#"{"t":"a"}"#, "{}", false),
            (r#"{"t":7}"#, r#"{"t":"7"}"#, false),
            (r#"{"t":"A"}"#, r#"{"t":"a"}"#, false),
            (
                r#"{"t":"0190A0A0-0000-7000-8000-00000000000A"}"#,
                r#"{"t":"0190a0a000007000800000000000000a"}"#,
                false,
            ),
        ];
        for (one, other, disjoint) in cases {
            let read = |text: &str| scope(serde_json::from_str(text).unwrap());
            assert_eq!(read(one).is_disjoint(&read(other)), disjoint, "{one} {other}");
            assert_eq!(read(other).is_disjoint(&read(one)), disjoint, "{other} {one}");
        }
    }

    #[test]
    fn a_constant_is_a_text_or_a_whole_number() {
        for wrong in [
            r#"{"t":1.5}"#,
            r#"{"t":true}"#,
            r#"{"t":[]}"#,
            r#"{"t":""}"#,
            r#"{"t":null}"#,
        ] {
            assert!(serde_json::from_str::<MappingScope>(wrong).is_err(), "{wrong}");
        }
    }
}
