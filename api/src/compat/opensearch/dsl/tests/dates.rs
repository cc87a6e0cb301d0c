//! Bounds that are dates.

use lethe_common::filter::{Filter, Type};
use serde_json::{Value, json};

use super::{COUNTED, POINTS, parsed, parsed_of};

fn range(bounds: &Value) -> Value {
    json!({"range": {"path": ["created_at"], "bounds": bounds}})
}

fn asked(bounds: &Value) -> Result<Value, String> {
    parsed(&json!({"range": {"created_time": bounds}}))
}

/// Returns a range that is one of several notations. The column's type selects one.
fn loose(mut bounds: Value) -> Value {
    bounds["loose"] = true.into();
    range(&bounds)
}

#[test]
fn bounds_that_are_dates_begin_and_end_with_a_millisecond() {
    let zoned = |mut bounds: Value| {
        bounds["time_zone"] = "+01:00".into();
        bounds
    };
    for (bounds, expected) in [
        (json!({"lt": "now-90d"}), json!({"lt": "2024-01-01T10:20:30.456Z"})),
        (
            json!({"gte": "now-1M/M", "lt": "now/M"}),
            json!({"gte": "2024-02-01T00:00:00Z", "lt": "2024-03-01T00:00:00Z"}),
        ),
        // `gt` a day starts after the day, and `lte` a day includes the whole day.
        (
            json!({"gt": "2024-01-31||/d", "lte": "now/d"}),
            json!({"gte": "2024-02-01T00:00:00Z", "lt": "2024-04-01T00:00:00Z"}),
        ),
        (
            json!({"lte": "2024-02-10||/M+1M"}),
            json!({"lt": "2024-03-30T00:00:00Z"}),
        ),
        (
            json!({"lte": "2024-01-31||"}),
            json!({"lt": "2024-01-31T00:00:00.001Z"}),
        ),
        (
            json!({"gte": 1_700_000_000_000_i64, "lt": "now"}),
            json!({"gte": "2023-11-14T22:13:20Z", "lt": "2024-03-31T10:20:30.456Z"}),
        ),
        (
            json!({"gt": "2023||/y", "gte": "2023-06-01"}),
            json!({"gte": "2024-01-01T00:00:00Z"}),
        ),
        (
            json!({"lte": "2024-01-31", "format": "strict_date_optional_time"}),
            json!({"lt": "2024-02-01T00:00:00Z"}),
        ),
        // A year means its first day.
        (
            json!({"lte": "2024", "gt": "2023", "format": "strict_date_optional_time"}),
            json!({"gte": "2023-01-02T00:00:00Z", "lt": "2024-01-02T00:00:00Z"}),
        ),
        (
            json!({"lt": "2024-01-31T10:00:00.5+01:00", "format": "strict_date_time"}),
            json!({"lt": "2024-01-31T09:00:00.5Z"}),
        ),
        (
            zoned(json!({"lte": "2024-01-31"})),
            json!({"lt": "2024-01-31T23:00:00Z"}),
        ),
        (
            zoned(json!({"gte": "2024-01-31T00:00Z"})),
            json!({"gte": "2024-01-31T00:00:00Z"}),
        ),
    ] {
        assert_eq!(asked(&bounds), Ok(range(&expected)), "{bounds}");
    }
}

#[test]
fn what_is_a_date_in_some_columns_is_one_there_alone() {
    for (bounds, expected) in [
        // The bound means the same as a moment and as a text.
        (json!({"gte": "2024-01-31"}), json!({"gte": "2024-01-31"})),
        (json!({"gte": 1, "lt": 2}), json!({"gte": 1, "lt": 2})),
        // No text means a whole day.
        (
            json!({"lte": "2024-01-31"}),
            json!({"moments": {"lt": "2024-02-01T00:00:00Z"}}),
        ),
        (
            json!({"gt": "2024", "lt": "2024-02"}),
            json!({"moments": {"gte": "2024-01-02T00:00:00Z", "lt": "2024-02-01T00:00:00Z"}}),
        ),
        (
            json!({"lte": "2024-01-31T10:00:05Z"}),
            json!({"lte": "2024-01-31T10:00:05Z", "moments": {"lt": "2024-01-31T10:00:06Z"}}),
        ),
        // The bound is a year in a column of moments, and a number in a column of numbers.
        (
            json!({"gte": 2024}),
            json!({"gte": 2024, "moments": {"gte": "2024-01-01T00:00:00Z"}}),
        ),
        (
            json!({"gt": 1_700_000_000_000_i64}),
            json!({"gt": 1_700_000_000_000_i64, "moments": {"gte": "2023-11-14T22:13:20.001Z"}}),
        ),
        // The bound is never a date.
        (json!({"gt": "m"}), json!({"gt": "m", "moments": {}})),
    ] {
        assert_eq!(asked(&bounds), Ok(range(&expected)), "{bounds}");
    }
    // In JSON the field's type is unknown.
    let inside = |bounds: Value| parsed(&json!({"range": {"tags.at": bounds}}));
    assert!(inside(json!({"gt": "2024-01-31"})).unwrap_err().contains("[format]"));
    let at = json!({"range": {"path": ["meta", "tags", "at"], "bounds": {"lt": "2024-01-31"}}});
    assert_eq!(inside(json!({"lt": "2024-01-31"})), Ok(at));
}

#[test]
fn a_value_is_a_moment_of_some_length_in_a_column_of_moments() {
    let day = loose(json!({"moments": {"gte": "2024-01-31T00:00:00Z", "lt": "2024-02-01T00:00:00Z"}}));
    let values = |path: &str, values: Value| json!({"one_of": {"path": [path], "values": values}});
    let either = json!({"or": {"any": [values("created_at", json!(["2024-01-31"])), day], "at_least": 1}});
    assert_eq!(parsed(&json!({"term": {"created_time": "2024-01-31"}})), Ok(either));
    let plain = json!({"terms": {"size": [7, "x", "12", 2.5]}});
    assert_eq!(parsed(&plain), Ok(values("size", json!([7, "x", "12", 2.5]))));
    assert_eq!(
        parsed(&json!({"term": {"owner_id": "2024-01-31"}})),
        Ok(values("user_id", json!(["2024-01-31"])))
    );
}

#[test]
fn bounds_that_are_dates_become_what_the_column_counts() {
    let either = |texts: Value, numbers: Value| json!({"or": {"any": [texts, numbers], "at_least": 1}});
    let texts = loose(json!({"gte": "2023-11-14T22:13:20Z", "lt": "2024-01-01T10:20:30.456Z"}));
    let numbers = loose(json!({"gte": 1_700_000_000_000_i64, "lt": 1_704_104_430_456_i64}));
    assert_eq!(
        asked(&json!({"lt": "now-90d", "gte": "1700000000000", "format": "epoch_millis"})),
        Ok(either(texts.clone(), numbers))
    );
    // A column of moments would read seconds as milliseconds.
    let numbers = loose(json!({"gte": 1_700_000_000, "lt": 1_704_104_431}));
    let holds_moments = loose(json!({"gte": "0001-01-01T00:00:00Z"}));
    assert_eq!(
        asked(&json!({"lt": "now-90d", "gte": 1_700_000_000, "format": "epoch_second"})),
        Ok(either(texts, json!({"and": [{"not": holds_moments}, numbers]})))
    );
    // A bound between two seconds becomes the next whole second, which selects the same whole seconds.
    for (bound, as_number, second) in [
        ("gt", "gte", 1_704_067_206),
        ("gte", "gte", 1_704_067_206),
        ("lt", "lt", 1_704_067_206),
        ("lte", "lt", 1_704_067_206),
    ] {
        let query = json!({bound: "2024-01-01T00:00:05.5Z", "format": "date_optional_time||epoch_second"});
        let filter = asked(&query).unwrap();
        let numbers = &filter["or"]["any"][1]["and"][1];
        assert_eq!(*numbers, loose(json!({as_number: second})), "{bound}");
    }
    // A bound in seconds means the whole second.
    let filter = asked(&json!({"lte": 1_704_067_205, "format": "epoch_second"})).unwrap();
    assert_eq!(filter["or"]["any"][0], loose(json!({"lt": "2024-01-01T00:00:06Z"})));
    assert_eq!(filter["or"]["any"][1]["and"][1], loose(json!({"lt": 1_704_067_206})));
    // Points have numbers only.
    let points = json!({"range": {"size": {"lt": "now-90d", "format": "epoch_second"}}});
    let filter = json!({"range": {"path": ["size"], "bounds": {"lt": 1_704_104_431}}});
    assert_eq!(parsed_of(POINTS, &points), Ok(filter));
}

#[test]
fn what_counts_in_no_column_of_the_type_is_refused_with_and_without_a_negation() {
    for format in ["epoch_millis", "epoch_second"] {
        let range = json!({"range": {"size": {"gte": 1_700_000_000, "format": format}}});
        let none = json!({"bool": {"must": [{"term": {"owner_id": "a"}}], "must_not": [range]}});
        for query in [range, none] {
            let filter: Filter = serde_json::from_value(parsed(&query).unwrap()).unwrap();
            let in_column = |of: Type| filter.check_types(&|column| if column == "size" { of } else { Type::Text });
            for counts in [
                Type::Integer(64),
                Type::Float,
                Type::Number,
                Type::Time,
                Type::Text,
                Type::Json,
                Type::Any,
            ] {
                assert!(in_column(counts).is_ok(), "{query}: {counts:?}");
            }
            for other in [Type::Bool, Type::Uuid, Type::Bytes { uuids: true }] {
                assert!(in_column(other).is_err(), "{query}: {other:?}");
            }
        }
    }
}

#[test]
fn where_the_mapping_says_what_is_counted_dates_are_dates_and_numbers_numbers() {
    let asked = |bounds: Value| parsed_of(COUNTED, &json!({"range": {"created_time": bounds}}));
    for (bounds, expected) in [
        // The column counts seconds, with every format.
        (
            json!({"lt": 1_704_104_430_456_i64, "format": "epoch_millis"}),
            json!({"lt": "2024-01-01T10:20:30.456Z"}),
        ),
        (
            json!({"lte": 1_704_067_205, "format": "epoch_second"}),
            json!({"lt": "2024-01-01T00:00:06Z"}),
        ),
        (
            json!({"lte": "2024-01-31"}),
            json!({"moments": {"lt": "2024-02-01T00:00:00Z"}}),
        ),
        (json!({"lt": 1_704_067_205}), json!({"lt": 1_704_067_205})),
    ] {
        assert_eq!(asked(bounds.clone()), Ok(range(&expected)), "{bounds}");
    }
    for bounds in [json!({"gte": 2024}), json!({"gte": "2024"}), json!({"lte": "2024"})] {
        assert!(asked(bounds.clone()).unwrap_err().contains("year"), "{bounds}");
    }
    let negated = |query: Value| parsed_of(COUNTED, &json!({"bool": {"must_not": [query]}}));
    assert!(negated(json!({"range": {"created_time": {"gte": "now-90d"}}})).is_ok());
    let term = |value: Value| parsed_of(COUNTED, &json!({"term": {"created_time": value}}));
    let values = |values: Value| json!({"one_of": {"path": ["created_at"], "values": values}});
    assert_eq!(
        term(json!(1_704_067_205_000_i64)),
        Ok(values(json!([1_704_067_205_000_i64])))
    );
}
