//! Memories that a negation keeps, and queries that are refused under one.

use serde_json::{Value, json};

use super::{POINTS, parsed, parsed_of};

fn none(query: &Value) -> Value {
    json!({"bool": {"must": [{"term": {"owner_id": "a"}}], "must_not": [query]}})
}

#[test]
fn an_object_is_kept_whatever_is_asked_of_it() {
    let path = json!(["meta", "tags", "color"]);
    let kept = |part: Value| json!({"not": {"or": {"any": [part, {"opaque": path}], "at_least": 1}}});
    let red = json!({"one_of": {"path": path, "values": ["red"]}});
    let above = json!({"range": {"path": path, "bounds": {"gt": 7}}});
    let begins = json!({"text": {"path": path, "has": "prefix", "text": "re"}});
    for (query, part) in [
        (json!({"term": {"tags.color": "red"}}), red.clone()),
        (json!({"range": {"tags.color": {"gt": 7}}}), above),
        (json!({"prefix": {"tags.color": "re"}}), begins),
    ] {
        assert_eq!(parsed(&none(&query)).unwrap()["and"][1], kept(part.clone()), "{query}");
        assert_eq!(parsed(&query), Ok(part));
        // Two negations do not keep the matching memories.
        let twice = json!({"bool": {"must_not": [{"bool": {"must_not": [query]}}]}});
        assert!(!parsed(&twice).unwrap().to_string().contains("opaque"), "{query}");
    }
    let size = json!({"term": {"size": 7}});
    let filter = parsed(&none(&size)).unwrap();
    let kept = &filter["and"][1]["not"]["or"]["any"];
    assert_eq!(kept[1], json!({"opaque": ["size"]}));
    // If the column holds JSON, the equal text is kept too.
    let twin = json!({"range": {"path": ["size"], "bounds": {"gte": "7", "lte": "7", "loose": true}}});
    let number = json!({"one_of": {"path": ["size"], "values": [7]}});
    assert_eq!(kept[0], json!({"or": {"any": [number, twin], "at_least": 1}}));
    let kept = |part: Value| json!({"not": {"or": {"any": [part, {"opaque": path}], "at_least": 1}}});
    let nested = json!({"nested": {"path": "tags", "query": {"term": {"tags.color": "red"}}}});
    assert_eq!(parsed(&none(&nested)).unwrap()["and"][1], kept(red));
}

#[test]
fn the_root_of_an_object_keeps_nothing_and_is_refused() {
    for config in [super::CONFIG, POINTS] {
        for query in [
            json!({"term": {"tags": "red"}}),
            json!({"terms": {"tags": ["red", "blue"]}}),
            json!({"term": {"tags": 5}}),
        ] {
            let said = parsed_of(config, &none(&query)).unwrap_err();
            assert!(said.contains("under must_not needs a field inside"), "{said}");
            assert!(parsed_of(config, &query).is_ok(), "{query}");
        }
        let filled = json!({"exists": {"field": "tags"}});
        assert!(parsed_of(config, &none(&filled)).is_ok());
    }
    for query in [
        json!({"prefix": {"namespace": "r"}}),
        json!({"range": {"namespace": {"gt": "r"}}}),
        json!({"wildcard": {"namespace": "*r*"}}),
        json!({"bool": {"must_not": [{"term": {"namespace": "r"}}]}}),
    ] {
        let said = parsed(&none(&query)).unwrap_err();
        assert!(said.contains("[namespace.name]"), "{said}");
    }
}

#[test]
fn keywords_of_numbers_are_kept_as_well() {
    let path = json!(["meta", "tags", "n"]);
    let kept = |query: Value| parsed(&none(&query)).unwrap()["and"][1]["not"]["or"]["any"][0].clone();
    let one_of = |values: Value| json!({"one_of": {"path": path, "values": values}});
    assert_eq!(kept(json!({"term": {"tags.n": "5.0"}})), one_of(json!(["5.0", 5.0])));
    assert_eq!(parsed(&json!({"term": {"tags.n": "5.0"}})), Ok(one_of(json!(["5.0"]))));
    assert_eq!(
        parsed(&json!({"term": {"tags.n": 5.0}})),
        Ok(one_of(json!([5.0, "5.0"])))
    );
    let begins = json!({"text": {"path": path, "has": "prefix", "text": "tr"}});
    let either = json!({"or": {"any": [begins, one_of(json!([true]))], "at_least": 1}});
    assert_eq!(kept(json!({"prefix": {"tags.n": "tr"}})), either);
    for query in [
        json!({"prefix": {"tags.n": "5"}}),
        json!({"wildcard": {"tags.n": "*5*"}}),
    ] {
        let said = parsed(&none(&query)).unwrap_err();
        assert!(said.contains("would not keep matching numbers"), "{said}");
        assert!(parsed(&query).is_ok());
    }
}

#[test]
fn every_one_of_many_values_is_kept_or_the_query_is_refused() {
    let days = |n: u32| {
        (0..n)
            .map(|year| format!("{:04}-01-31", 1_000 + year))
            .collect::<Vec<_>>()
    };
    let numbers = |n: u32| (0..n).collect::<Vec<_>>();
    let years = |n: u32| (1_000..1_000 + n).collect::<Vec<_>>();
    let terms = |field: &str, values: Value| json!({"terms": {field: values}});
    // A value and its extra conditions are alternatives.
    let kept = |query: &Value| {
        let filter = parsed(&none(query)).unwrap();
        let kept = &filter["and"][1]["not"]["or"]["any"];
        let any = if kept[0]["or"].is_null() {
            kept
        } else {
            &kept[0]["or"]["any"]
        };
        any.as_array().unwrap().len()
    };
    assert_eq!(kept(&terms("created_time", json!(days(201)))), 1 + 201);
    assert_eq!(kept(&terms("created_time", json!(days(1_000)))), 1 + 1_000);
    assert_eq!(kept(&terms("size", json!(numbers(201)))), 1 + 201);
    // A year is a moment in some columns, and a text in others.
    assert_eq!(kept(&terms("size", json!(years(500)))), 1 + 1_000);
    for query in [
        terms("created_time", json!(days(1_001))),
        terms("size", json!(numbers(1_001))),
        terms("size", json!(years(501))),
    ] {
        let said = parsed(&none(&query)).unwrap_err();
        assert!(said.contains("too many dates and numbers under must_not"), "{said}");
    }
    let said = parsed(&terms("created_time", json!(days(1_001)))).unwrap_err();
    assert!(said.contains("write at most 500 in a query"), "{said}");
    // Other values have no other meaning.
    assert!(parsed(&terms("size", json!(numbers(1_000)))).is_ok());
}
