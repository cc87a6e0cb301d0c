//! The example of a statement, held against the types and the schema.

use std::collections::BTreeSet;

use proptest::prelude::*;
use serde_json::Value;
use strum::IntoEnumIterator;

use super::SCHEMA;
use super::body::Body;
use super::fingerprint::{FingerprintKey, RequestHash};
use super::ground::{ErasureGround, ExtensionReason, HoldGround};
use super::keys::{Key, KeySet, Signer};
use super::time::Time;
use crate::job::{Field, Outcome, SelectorKind};

/// A statement with a value in almost every field.
pub(super) const EXAMPLE: &str = include_str!("example.json");

pub(super) fn example() -> Body {
    serde_json::from_str(EXAMPLE).unwrap()
}

/// Returns a list of the public keys.
pub(super) fn key_set(signers: &[&Signer]) -> KeySet {
    let key = |signer: &&Signer| Key::new(&signer.public(), String::new(), Time::from(0), None);
    KeySet {
        issuer: "lethe.example".to_owned(),
        origin: "lethe.example/log".to_owned(),
        schema: String::new(),
        keys: signers.iter().map(key).collect(),
    }
}

/// Returns JSON without spaces between values. The example has no quotation mark in a text.
fn tight(json: &str) -> String {
    let mut is_text = false;
    let keeps = |c: &char| {
        is_text ^= *c == '"';
        is_text || !c.is_whitespace()
    };
    json.chars().filter(keeps).collect()
}

#[test]
fn the_statement_is_written_in_the_order_of_the_example() {
    assert_eq!(example().text(), tight(EXAMPLE));
}

fn schema() -> Value {
    serde_json::from_str(SCHEMA).unwrap()
}

/// Returns the schema that a schema refers to.
fn resolved<'a>(schema: &'a Value, part: &'a Value) -> &'a Value {
    match part["$ref"].as_str() {
        Some(at) => schema.pointer(at.trim_start_matches('#')).unwrap(),
        None => part,
    }
}

fn names(value: &Value) -> BTreeSet<&str> {
    match value {
        Value::Object(fields) => fields.keys().map(String::as_str).collect(),
        names => names
            .as_array()
            .unwrap()
            .iter()
            .map(|name| name.as_str().unwrap())
            .collect(),
    }
}

/// Asserts that the schema describes and requires exactly the fields of a value.
fn described(schema: &Value, part: &Value, value: &Value, at: &str) {
    let part = resolved(schema, part);
    if let Some(either) = part["anyOf"].as_array() {
        let is_null = |option: &&Value| option["type"] == "null";
        let option = either.iter().find(|option| is_null(option) == value.is_null());
        return described(schema, option.unwrap_or_else(|| panic!("{at}")), value, at);
    }
    match value {
        Value::Object(fields) if part.get("properties").is_some() => {
            assert_eq!(names(&part["properties"]), names(value), "{at}");
            assert_eq!(names(&part["required"]), names(value), "{at}");
            for (name, value) in fields {
                described(schema, &part["properties"][name], value, &format!("{at}.{name}"));
            }
        }
        Value::Array(values) => {
            for value in values {
                described(schema, &part["items"], value, &format!("{at}[]"));
            }
        }
        _ => assert!(!part.is_null(), "{at} is not described"),
    }
}

#[test]
fn the_schema_describes_and_requires_every_field() {
    let schema = schema();
    let value: Value = serde_json::from_str(EXAMPLE).unwrap();
    described(&schema, &schema["$defs"]["body"], &value, "erasure");
}

/// Returns the words of a type.
fn all<T: IntoEnumIterator + Into<&'static str>>() -> Vec<String> {
    T::iter().map(Into::into).map(str::to_owned).collect()
}

#[test]
fn the_schema_has_the_words_of_the_types() {
    let schema = schema();
    let words = |at: &str| {
        let listed = schema["$defs"]["body"].pointer(at).unwrap_or_else(|| panic!("{at}"));
        let listed = listed.as_array().unwrap().iter();
        listed
            .filter_map(|word| word.as_str().map(str::to_owned))
            .collect::<Vec<_>>()
    };
    let mut outcomes = all::<Outcome>();
    outcomes.push("residue".to_owned());
    for (at, expected) in [
        ("/properties/request/properties/ground/enum", all::<ErasureGround>()),
        ("/properties/selection/properties/kind/enum", all::<SelectorKind>()),
        ("/properties/held/items/properties/ground/enum", all::<HoldGround>()),
        (
            "/properties/times/properties/extended/anyOf/0/properties/reason/enum",
            all::<ExtensionReason>(),
        ),
        (
            "/properties/stores/items/properties/counts/propertyNames/enum",
            outcomes,
        ),
    ] {
        assert_eq!(words(at), expected, "{at}");
    }
}

proptest! {
    #[test]
    fn no_person_and_no_id_is_in_a_statement(person in "[g-z]{4,20}@[g-z]{3,9}", id in "[G-Z]{6,30}") {
        let key = FingerprintKey::fresh();
        let mut hash = RequestHash::begin(&key);
        hash.add(person.as_bytes());
        hash.add_id(&id);
        let mut body = example();
        body.request.hash = hash.end();
        body.selection.persons = vec![key.person(Field::User, &person), key.person(Field::Workspace, &id)];
        body.request.asked_by = Some(key.caller(&person));
        body.ran_by = vec![key.worker(&person)];
        let text = body.text();
        prop_assert!(!text.contains(&person) && !text.contains(&id) && !text.contains(&key.hex()));
    }
}
