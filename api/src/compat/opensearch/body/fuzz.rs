//! Random bodies. A field that is written twice is refused, and every other query is read as JSON says.

use std::collections::BTreeSet;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

use super::{Body, Validation};
use crate::damage::damage;
use crate::http::exact::is_rounded;

/// The number of bodies, which take less than a second. `PROPTEST_CASES` sets another number.
const CASES: u32 = 4_096;

/// Names of fields. The second is the first, with an escape in it.
const NAMES: &[&str] = &["\"a\"", "\"\\u0061\"", "\"b`\"", "\"\"", "\"query\"", "\"from\""];

/// JSON as it is written: an object may name a field twice.
#[derive(Debug, Clone)]
enum Json {
    Value(Value),
    List(Vec<Json>),
    Object(Vec<(&'static str, Json)>),
}

impl Json {
    fn text(&self) -> String {
        match self {
            Self::Value(value) => value.to_string(),
            Self::List(list) => format!("[{}]", list.iter().map(Self::text).collect::<Vec<_>>().join(",")),
            Self::Object(fields) => {
                let fields = fields.iter().map(|(name, value)| format!("{name}:{}", value.text()));
                format!("{{{}}}", fields.collect::<Vec<_>>().join(", "))
            }
        }
    }

    /// Returns whether an object names a field twice.
    fn repeats(&self) -> bool {
        match self {
            Self::Value(_) => false,
            Self::List(list) => list.iter().any(Self::repeats),
            Self::Object(fields) => {
                let names = fields
                    .iter()
                    .map(|(name, _)| serde_json::from_str::<String>(name).unwrap());
                names.collect::<BTreeSet<_>>().len() < fields.len() || fields.iter().any(|(_, value)| value.repeats())
            }
        }
    }
}

fn written() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_map(Json::Value).prop_recursive(4, 16, 3, |inner| {
        prop_oneof![
            1 => vec(inner.clone(), 0..3).prop_map(Json::List),
            2 => vec((select(NAMES), inner), 0..4).prop_map(Json::Object),
        ]
    })
}

fn read(body: &str) -> Option<Body> {
    Body::read(body.as_bytes(), &[], Validation::OfIndices).ok()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(CASES))]

    #[test]
    fn a_body_with_a_repeated_field_is_refused_and_every_other_is_read(written in written()) {
        let query = format!("{{\"bool\": {}}}", written.text());
        let read = read(&format!("{{\"query\": {query}, \"max_docs\": 7}}"));
        let is_read = !written.repeats() && !is_rounded(query.as_bytes());
        prop_assert_eq!(read.is_some(), is_read, "{}", query);
        if let Some(read) = read {
            prop_assert_eq!(read.query, serde_json::from_str::<Value>(&query).unwrap());
            prop_assert_eq!(read.max_docs, Some(7));
        }
    }

    #[test]
    fn a_damaged_body_is_refused_or_read_as_json_says(written in written(), damage in damage()) {
        let body = damage.of(&format!("{{\"query\": {{\"bool\": {}}}}}", written.text()));
        if let Some(read) = read(&body) {
            let json: Value = serde_json::from_str(&body).unwrap();
            prop_assert_eq!(&read.query, &json["query"]);
            prop_assert!(read.query != json!(null), "{}", body);
        }
    }
}
