//! Random filters. A filter means what the same filter means in Qdrant's JSON, or is refused.
//!
//! A filter that lost a condition would delete more points than requested.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use prost::Message as _;
use qdrant_client::qdrant::{
    Condition, DatetimeRange, FieldCondition, Filter, GeoRadius, HasIdCondition, HasVectorCondition, IsEmptyCondition,
    IsNullCondition, Match, MinShould, NestedCondition, PointId, Range, RepeatedIntegers, RepeatedStrings,
    SliceCondition, Timestamp, ValuesCount, condition::ConditionOneOf, r#match::MatchValue,
};
use serde_json::{Map, Value, json};
use tonic::Code;
use uuid::Uuid;

use crate::convert::filter;

/// The number of filters, which take less than a second. `PROPTEST_CASES` sets another number.
const CASES: u32 = 2_048;

/// Paths of payload fields, valid and not.
const KEYS: &[&str] = &[
    "a",
    "a.b",
    "a[].b",
    "a[0]",
    "\"a b\"",
    "é",
    "a",
    "b",
    "c-d",
    "",
    "a..b",
    "a b",
    "a[99999999999999999999]",
];

const NAMES: &[&str] = &["gt", "gte", "lt", "lte"];

/// A condition, or a filter, in the protocol and in JSON.
type Pair<T> = (T, Value);

fn one_of(condition: ConditionOneOf) -> Condition {
    Condition {
        condition_one_of: Some(condition),
    }
}

fn key() -> impl Strategy<Value = String> {
    select(KEYS).prop_map(str::to_owned)
}

fn matching() -> impl Strategy<Value = Pair<MatchValue>> {
    let texts = || vec(any::<String>(), 1..3);
    let numbers = || vec(any::<i64>(), 1..3);
    prop_oneof![
        any::<String>().prop_map(|text| (MatchValue::Keyword(text.clone()), json!({"value": text}))),
        any::<i64>().prop_map(|number| (MatchValue::Integer(number), json!({"value": number}))),
        any::<bool>().prop_map(|value| (MatchValue::Boolean(value), json!({"value": value}))),
        any::<String>().prop_map(|text| (MatchValue::Text(text.clone()), json!({"text": text}))),
        any::<String>().prop_map(|text| (MatchValue::TextAny(text.clone()), json!({"text_any": text}))),
        any::<String>().prop_map(|text| (MatchValue::Phrase(text.clone()), json!({"phrase": text}))),
        texts().prop_map(|strings| {
            let json = json!({"any": strings});
            (MatchValue::Keywords(RepeatedStrings { strings }), json)
        }),
        numbers().prop_map(|integers| {
            let json = json!({"any": integers});
            (MatchValue::Integers(RepeatedIntegers { integers }), json)
        }),
        texts().prop_map(|strings| {
            let json = json!({"except": strings});
            (MatchValue::ExceptKeywords(RepeatedStrings { strings }), json)
        }),
        numbers().prop_map(|integers| {
            let json = json!({"except": integers});
            (MatchValue::ExceptIntegers(RepeatedIntegers { integers }), json)
        }),
    ]
}

fn time() -> impl Strategy<Value = Timestamp> {
    let seconds = prop_oneof![4 => 0..4_000_000_000_i64, 1 => any::<i64>()];
    let nanos = prop_oneof![4 => 0..1_000_000_000_i32, 1 => any::<i32>()];
    (seconds, nanos).prop_map(|(seconds, nanos)| Timestamp { seconds, nanos })
}

/// Returns an object of one bound.
fn bound(name: &str, value: impl Into<Value>) -> Value {
    Value::Object(Map::from_iter([(name.to_owned(), value.into())]))
}

/// Returns conditions on one field, without the field.
fn field() -> impl Strategy<Value = Pair<FieldCondition>> {
    let given = FieldCondition::default;
    prop_oneof![
        matching().prop_map(move |(wanted, json)| {
            let wanted = Match {
                match_value: Some(wanted),
            };
            let condition = FieldCondition {
                r#match: Some(wanted),
                ..given()
            };
            (condition, json!({"match": json}))
        }),
        (select(NAMES), any::<f64>()).prop_map(move |(name, number)| {
            let at = |this: &str| (name == this).then_some(number);
            let range = Range {
                lt: at("lt"),
                gt: at("gt"),
                gte: at("gte"),
                lte: at("lte"),
            };
            let condition = FieldCondition {
                range: Some(range),
                ..given()
            };
            (condition, json!({"range": bound(name, number)}))
        }),
        (select(NAMES), time()).prop_map(move |(name, time)| {
            let at = |this: &str| (name == this).then_some(time);
            let range = DatetimeRange {
                lt: at("lt"),
                gt: at("gt"),
                gte: at("gte"),
                lte: at("lte"),
            };
            let condition = FieldCondition {
                datetime_range: Some(range),
                ..given()
            };
            (condition, json!({"range": bound(name, time.to_string())}))
        }),
        (select(NAMES), any::<u64>()).prop_map(move |(name, number)| {
            let at = |this: &str| (name == this).then_some(number);
            let count = ValuesCount {
                lt: at("lt"),
                gt: at("gt"),
                gte: at("gte"),
                lte: at("lte"),
            };
            let condition = FieldCondition {
                values_count: Some(count),
                ..given()
            };
            (condition, json!({"values_count": bound(name, number)}))
        }),
        any::<bool>().prop_map(move |value| {
            let condition = FieldCondition {
                is_empty: Some(value),
                ..given()
            };
            (condition, json!({"is_empty": value}))
        }),
        any::<bool>().prop_map(move |value| {
            let condition = FieldCondition {
                is_null: Some(value),
                ..given()
            };
            (condition, json!({"is_null": value}))
        }),
    ]
}

fn id() -> impl Strategy<Value = Pair<PointId>> {
    prop_oneof![
        any::<u64>().prop_map(|number| (PointId::from(number), json!(number))),
        any::<u128>().prop_map(|bits| {
            let uuid = Uuid::from_u128(bits).to_string();
            (PointId::from(uuid.clone()), json!(uuid))
        }),
    ]
}

/// Returns conditions without conditions in them.
fn leaf() -> impl Strategy<Value = Pair<Condition>> {
    prop_oneof![
        6 => (key(), field()).prop_map(|(key, (condition, mut json))| {
            json["key"] = json!(key);
            (one_of(ConditionOneOf::Field(FieldCondition { key, ..condition })), json)
        }),
        1 => key().prop_map(|key| {
            let json = json!({"is_empty": {"key": key}});
            (one_of(ConditionOneOf::IsEmpty(IsEmptyCondition { key })), json)
        }),
        1 => key().prop_map(|key| {
            let json = json!({"is_null": {"key": key}});
            (one_of(ConditionOneOf::IsNull(IsNullCondition { key })), json)
        }),
        1 => vec(id(), 0..3).prop_map(|ids| {
            let (has_id, json): (Vec<PointId>, Vec<Value>) = ids.into_iter().unzip();
            (one_of(ConditionOneOf::HasId(HasIdCondition { has_id })), json!({"has_id": json}))
        }),
        1 => any::<String>().prop_map(|has_vector| {
            let json = json!({"has_vector": has_vector});
            (one_of(ConditionOneOf::HasVector(HasVectorCondition { has_vector })), json)
        }),
    ]
}

type Conditions = Vec<Pair<Condition>>;

/// Returns a filter of these conditions. In JSON an absent list is no list.
fn made(must: Conditions, must_not: Conditions, should: Conditions, min: Option<(Conditions, u64)>) -> Pair<Filter> {
    let mut json = Map::new();
    let mut put = |name: &str, list: Conditions| {
        let (list, values): (Vec<Condition>, Vec<Value>) = list.into_iter().unzip();
        if !values.is_empty() {
            json.insert(name.to_owned(), json!(values));
        }
        list
    };
    let (must, must_not, should) = (put("must", must), put("must_not", must_not), put("should", should));
    let min_should = min.map(|(list, min_count)| {
        let (conditions, values): (Vec<Condition>, Vec<Value>) = list.into_iter().unzip();
        json.insert(
            "min_should".to_owned(),
            json!({"conditions": values, "min_count": min_count}),
        );
        MinShould { conditions, min_count }
    });
    let filter = Filter {
        should,
        must,
        must_not,
        min_should,
    };
    (filter, Value::Object(json))
}

fn filters() -> impl Strategy<Value = Pair<Filter>> {
    let condition = leaf().prop_recursive(3, 12, 3, |inner| {
        // JSON cannot tell an empty filter from other conditions.
        let filter = (vec(inner.clone(), 1..3), vec(inner, 0..2))
            .prop_map(|(must, must_not)| made(must, must_not, Vec::new(), None));
        (filter, option::of(key())).prop_map(|((filter, json), key)| match key {
            None => (one_of(ConditionOneOf::Filter(filter)), json),
            Some(key) => {
                let json = json!({"nested": {"key": key, "filter": json}});
                let filter = Some(filter);
                (one_of(ConditionOneOf::Nested(NestedCondition { key, filter })), json)
            }
        })
    });
    let condition = condition.boxed();
    let list = || vec(condition.clone(), 0..3);
    let min = option::weighted(0.3, (list(), 0..4_u64));
    (list(), list(), list(), min).prop_map(|(must, must_not, should, min)| made(must, must_not, should, min))
}

/// Returns conditions that are no question, or one that the engine cannot answer.
fn unanswerable() -> impl Strategy<Value = Condition> {
    let field = |condition: FieldCondition| {
        let key = "a".to_owned();
        one_of(ConditionOneOf::Field(FieldCondition { key, ..condition }))
    };
    let text = |wanted: MatchValue| FieldCondition {
        r#match: Some(Match {
            match_value: Some(wanted),
        }),
        ..FieldCondition::default()
    };
    prop_oneof![
        Just(Condition::default()),
        Just(one_of(ConditionOneOf::Slice(SliceCondition { total: 2, index: 0 }))),
        Just(one_of(ConditionOneOf::Nested(NestedCondition::default()))),
        Just(one_of(ConditionOneOf::HasId(HasIdCondition {
            has_id: vec![PointId::default()],
        }))),
        Just(field(FieldCondition::default())),
        Just(field(text(MatchValue::Prefix("a".to_owned())))),
        Just(field(text(MatchValue::Substring("a".to_owned())))),
        Just(field(FieldCondition {
            is_empty: Some(true),
            is_null: Some(false),
            ..FieldCondition::default()
        })),
        Just(field(FieldCondition {
            is_empty: Some(true),
            geo_radius: Some(GeoRadius::default()),
            ..FieldCondition::default()
        })),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(CASES))]

    #[test]
    fn a_filter_means_what_its_json_means((given, json) in filters()) {
        let meant = serde_json::from_value::<qdrant_edge::Filter>(json.clone()).ok();
        match filter::filter(given) {
            Ok(made) => prop_assert_eq!(Some(made), meant),
            Err(refused) => {
                prop_assert_eq!(refused.code(), Code::InvalidArgument);
                prop_assert!(meant.is_none(), "{}: {}", refused.message(), json);
            }
        }
    }

    #[test]
    fn a_filter_with_an_unanswerable_condition_is_refused(
        (mut given, _) in filters(),
        condition in unanswerable(),
        depth in 0..3_usize,
        place in 0..4_usize,
    ) {
        let inner = (0..depth).fold(condition, |inner, _| {
            one_of(ConditionOneOf::Filter(Filter { must_not: vec![inner], ..Filter::default() }))
        });
        match place {
            0 => given.must.push(inner),
            1 => given.must_not.push(inner),
            2 => given.should.push(inner),
            _ => given.min_should.get_or_insert_default().conditions.push(inner),
        }
        let refused = filter::filter(given).unwrap_err();
        prop_assert!([Code::InvalidArgument, Code::Unimplemented].contains(&refused.code()), "{}", refused.message());
    }

    #[test]
    fn a_damaged_message_is_refused_or_read(
        (given, _) in filters(),
        changes in vec((any::<Index>(), any::<u8>()), 1..4),
    ) {
        let mut bytes = given.encode_to_vec();
        bytes.push(0);
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Ok(read) = Filter::decode(bytes.as_slice()) {
            let lists = [read.must.len(), read.must_not.len(), read.should.len()];
            if let Ok(made) = filter::filter(read) {
                let made = [&made.must, &made.must_not, &made.should].map(|list| list.as_ref().map_or(0, Vec::len));
                prop_assert_eq!(made, lists);
            }
        }
    }
}
