//! Queries and their filters, and refused queries.

mod dates;
mod negated;

use lethe_common::config::Config;
use serde_json::{Value, json};

use super::*;
use crate::http::problem::Kind;

pub(super) const CONFIG: &str = r#"
    [[target]]
    name = "main"
    sql = { url = "sqlite://memories.sqlite" }
    [[target.table]]
    name = "memories"
    columns = { id = "memory_id", user = "user_id", kind = "kind", created_at = "created_at" }
    fields = { namespace = "namespace", tags = "meta.tags", size = "size" }
"#;

/// A table that has only vectors.
pub(super) const POINTS: &str = r#"
    [[target]]
    name = "main"
    vector = { url = "http://localhost:6334" }
    [[target.table]]
    name = "memories"
    fields = { tags = "meta.tags", size = "size" }
    collection = { name = "memories", point = "uuid", payload = { user = "user_id", run = "run", kind = "meta.kind" } }
"#;

/// A table whose mapping says what a column of numbers counts.
pub(super) const COUNTED: &str = r#"
    [[target]]
    name = "main"
    sql = { url = "sqlite://memories.sqlite" }
    [[target.table]]
    name = "memories"
    columns = { id = "memory_id", user = "user_id", created_at = "created_at" }
    as = { created_at = "seconds" }
"#;

fn parsed(query: &Value) -> Result<Value, String> {
    parsed_of(CONFIG, query)
}

fn parsed_of(config: &str, query: &Value) -> Result<Value, String> {
    let config = Config::from_toml(config).unwrap();
    let now = "2024-03-31T10:20:30.456Z".parse().unwrap();
    let filter = read(query, &config.targets[0].tables[0], "main", now);
    filter.map(|filter| json!(filter)).map_err(|problem| {
        assert_eq!(problem.kind, Kind::BadQuery);
        problem.detail
    })
}

#[test]
fn queries_become_filters() {
    let one_of = |path: &[&str], values: Value| json!({"one_of": {"path": path, "values": values}});
    let ana = one_of(&["user_id"], json!(["ana"]));
    for (query, filter) in [
        (json!({"match_all": {}}), json!("all")),
        (json!({"match_none": {}}), json!("nothing")),
        (json!({"term": {"owner_id": "ana"}}), ana.clone()),
        (json!({"term": {"owner_id": {"value": "ana", "boost": 1}}}), ana.clone()),
        (json!({"match": {"owner_id": "ana"}}), ana.clone()),
        (json!({"match_phrase": {"owner_id": {"query": "ana"}}}), ana.clone()),
        (
            json!({"terms": {"size": [1, 2.5, true, "x"]}}),
            one_of(&["size"], json!([1, 2.5, true, "x"])),
        ),
        (json!({"terms": {"size": []}}), json!("nothing")),
        (
            json!({"term": {"tags.color": "red"}}),
            one_of(&["meta", "tags", "color"], json!(["red"])),
        ),
        (
            json!({"term": {"namespace.user_id": "u"}}),
            one_of(&["namespace", "user_id"], json!(["u"])),
        ),
        (
            json!({"terms": {"tags.n": ["5", 7, "true", false, "05", "[1]", 2.5]}}),
            one_of(
                &["meta", "tags", "n"],
                json!(["5", 5, 7, "7", "true", true, false, "false", "05", "[1]", 2.5, "2.5"]),
            ),
        ),
        (json!({"ids": {"values": ["a", "b"]}}), json!({"ids": ["a", "b"]})),
        (json!({"term": {"_id": "a"}}), json!({"ids": ["a"]})),
        (
            json!({"bool": {"must": [{"term": {"memory_container_id": "main"}}, {"term": {"owner_id": "ana"}}]}}),
            json!({"and": ["all", ana]}),
        ),
        (json!({"term": {"memory_container_id": "other"}}), json!("nothing")),
        (
            json!({"exists": {"field": "tags"}}),
            json!({"exists": ["meta", "tags"]}),
        ),
        (
            json!({"range": {"created_time": {"gte": 1, "lt": 2}}}),
            json!({"range": {"path": ["created_at"], "bounds": {"gte": 1, "lt": 2}}}),
        ),
        (
            json!({"prefix": {"owner_id": {"value": "an"}}}),
            json!({"text": {"path": ["user_id"], "has": "prefix", "text": "an"}}),
        ),
        (
            json!({"wildcard": {"owner_id": {"value": "an*"}}}),
            json!({"text": {"path": ["user_id"], "has": "prefix", "text": "an"}}),
        ),
        (json!({"wildcard": {"owner_id": "ana"}}), ana.clone()),
        (
            json!({"nested": {"path": "tags", "query": {"term": {"tags.color": "red"}}}}),
            one_of(&["meta", "tags", "color"], json!(["red"])),
        ),
        (
            json!({"nested": {"path": "tags", "score_mode": "none", "query": {"bool": {"should": [
                {"exists": {"field": "tags.a"}}, {"wildcard": {"tags.b": "*x*"}}]}}}}),
            json!({"or": {"at_least": 1, "any": [
                {"exists": ["meta", "tags", "a"]},
                {"text": {"path": ["meta", "tags", "b"], "has": "part", "text": "x"}},
            ]}}),
        ),
        (
            json!({"bool": {"must_not": [{"match": {"owner_id": "ana"}}]}}),
            json!({"not": ana}),
        ),
        (json!({"bool": {"must": {"term": {"owner_id": "ana"}}}}), ana.clone()),
        (
            json!({"bool": {"should": [{"term": {"owner_id": "ana"}}, {"match_none": {}}]}}),
            json!({"or": {"any": [ana, "nothing"], "at_least": 1}}),
        ),
        (
            json!({"bool": {"filter": [{"term": {"owner_id": "ana"}}], "should": [{"match_all": {}}]}}),
            ana.clone(),
        ),
        (
            json!({"bool": {"must_not": [{"term": {"owner_id": "ana"}}]}}),
            json!({"not": ana}),
        ),
        (
            json!({"bool": {"should": [{"term": {"owner_id": "ana"}}], "minimum_should_match": "2"}}),
            json!("nothing"),
        ),
    ] {
        assert_eq!(parsed(&query), Ok(filter), "{query}");
    }
}

#[test]
fn with_nothing_else_that_has_to_match_one_of_several_has_to() {
    let ana = json!({"one_of": {"path": ["user_id"], "values": ["ana"]}});
    for (query, filter) in [
        (
            json!({"bool": {"should": [{"term": {"owner_id": "ana"}}], "minimum_should_match": 0}}),
            json!({"or": {"any": [ana], "at_least": 1}}),
        ),
        (
            json!({"bool": {"should": {"match_none": {}}, "must_not": {"term": {"owner_id": "ana"}},
                "minimum_should_match": "0"}}),
            json!({"and": [{"or": {"any": ["nothing"], "at_least": 1}}, {"not": ana}]}),
        ),
        (
            json!({"bool": {"must": {"term": {"owner_id": "ana"}}, "should": [{"match_none": {}}],
                "minimum_should_match": 0}}),
            ana,
        ),
    ] {
        assert_eq!(parsed(&query), Ok(filter), "{query}");
    }
}

#[test]
fn what_is_not_understood_to_its_last_word_is_refused_and_named() {
    let deep = (0..40).fold(json!({"match_all": {}}), |query, _| json!({"bool": {"must": [query]}}));
    for (query, says) in [
        (json!({}), "empty"),
        (json!([]), "object"),
        (json!("match_all"), "object"),
        (json!({"match_all": {}, "term": {"owner_id": "a"}}), "END_OBJECT"),
        (json!({"regexp": {"owner_id": ".*"}}), "unknown query [regexp]"),
        (json!({"script": {}}), "[script]"),
        (json!({"term": {"nobody": "a"}}), "unknown field [nobody]"),
        (json!({"term": {"memory_id": "a"}}), "unknown field [memory_id]"),
        (json!({"term": {"owner_id": "a", "size": 1}}), "END_OBJECT"),
        (
            json!({"term": {"owner_id": {"value": "a", "case_insensitive": true}}}),
            "[case_insensitive]",
        ),
        (json!({"prefix": {"owner_id": 5}}), "[prefix] takes a text"),
        (json!({"prefix": {"_id": "a"}}), "[prefix] is not supported on [_id]"),
        (
            json!({"prefix": {"owner_id": {"value": "a", "case_insensitive": true}}}),
            "[case_insensitive]",
        ),
        (json!({"term": {"owner_id": null}}), "takes texts"),
        (json!({"term": {"owner_id": ["a"]}}), "takes texts"),
        (
            json!({"match": {"owner_id": {"query": "a", "operator": "and"}}}),
            "[operator]",
        ),
        (json!({"match_all": {"x": 1}}), "[x]"),
        (json!({"terms": {"owner_id": "a"}}), "list"),
        (
            json!({"terms": {"owner_id": {"index": "x", "id": "1", "path": "p"}}}),
            "list",
        ),
        (json!({"range": {"size": {}}}), "bound"),
        (json!({"range": {"size": {"gt": 1, "format": "x"}}}), "the [format] [x]"),
        (json!({"range": {"size": {"gt": 1, "format": 1}}}), "[format]"),
        (
            json!({"range": {"size": {"gt": 1, "time_zone": "+01:00"}}}),
            "[time_zone]",
        ),
        (json!({"range": {"created_time": {"gte": "nowhere"}}}), "no dates"),
        (json!({"range": {"created_time": {"gte": "now-1x"}}}), "no dates"),
        (json!({"range": {"created_time": {"gte": "soon||/d"}}}), "no dates"),
        (
            json!({"range": {"created_time": {"gte": "now", "lt": true}}}),
            "no dates",
        ),
        (
            json!({"range": {"created_time": {"gte": "2024-01-01", "format": "epoch_millis"}}}),
            "no dates",
        ),
        (
            json!({"range": {"created_time": {"gte": 20_240_101, "format": "strict_date_optional_time"}}}),
            "no dates",
        ),
        (json!({"range": {"created_time": {"format": "epoch_millis"}}}), "bound"),
        (
            json!({"bool": {"must_not": [{"bool": {"must": [{"range": {"created_time": {"gte": "now-1d"}}}]}}]}}),
            "in [must_not]",
        ),
        (json!({"range": {"_id": {"gt": "a"}}}), "not supported on [_id]"),
        (json!({"exists": {}}), "[field]"),
        (json!({"ids": {"values": "a"}}), "values"),
        (json!({"bool": {}}), "match_all"),
        (json!({"bool": {"should": []}}), "match_all"),
        (
            json!({"bool": {"must": [{"match_all": {}}], "minimum_should_match": "75%"}}),
            "whole number",
        ),
        (json!({"term": {"memory_container_id": "main"}}), "match_all"),
        (json!({"exists": {"field": "_id"}}), "match_all"),
        (json!({"term": {"_id": 1.0}}), "[_id]"),
        (json!({"term": {"size": 18_446_744_073_709_551_615_u64}}), "64 bits"),
        (json!({"bool": {"musst": []}}), "[musst]"),
        (deep, "deep"),
    ] {
        let said = parsed(&query).unwrap_err();
        assert!(said.contains(says), "{query}: {said}");
    }
}

#[test]
fn what_would_mean_more_or_less_than_in_open_search_is_refused_and_named() {
    for (query, says) in [
        (json!({"nested": {"path": "tags"}}), "'query'"),
        (json!({"nested": {"query": {"match_all": {}}}}), "'path'"),
        (
            json!({"nested": {"path": "tags", "query": {"match_all": {}}}}),
            "one condition",
        ),
        (
            json!({"nested": {"path": "tags", "query": {"term": {"owner_id": "a"}}}}),
            "below its path",
        ),
        (
            json!({"nested": {"path": "tags", "query": {"bool": {"must": [
                {"term": {"tags.a": 1}}, {"term": {"tags.b": 1}}]}}}}),
            "one condition",
        ),
        (
            json!({"nested": {"path": "tags", "query": {"bool": {"must_not": [{"term": {"tags.a": 1}}]}}}}),
            "one condition",
        ),
        (
            json!({"bool": {"must": [{"term": {"owner_id": "a"}}], "must_not": [{"match": {"tags.note": "keep"}}]}}),
            "may protect too little",
        ),
        (json!({"wildcard": {"owner_id": "*na"}}), "other patterns"),
        (json!({"wildcard": {"owner_id": 5}}), "[wildcard] takes a text"),
        (json!({"wildcard": {"_id": "a*"}}), "not supported on [_id]"),
    ] {
        let said = parsed(&query).unwrap_err();
        assert!(said.contains(says), "{query}: {said}");
    }
}

#[test]
fn of_points_fields_are_those_of_payload_and_have_no_types() {
    let one_of = |path: &[&str], values: Value| json!({"one_of": {"path": path, "values": values}});
    for (query, filter) in [
        (
            json!({"term": {"owner_id": "5"}}),
            one_of(&["user_id"], json!(["5", 5])),
        ),
        (json!({"term": {"session_id": "r"}}), one_of(&["run"], json!(["r"]))),
        (
            json!({"term": {"memory_type": "working"}}),
            one_of(&["meta", "kind"], json!(["working"])),
        ),
        (
            json!({"exists": {"field": "tags.color"}}),
            json!({"exists": ["meta", "tags", "color"]}),
        ),
        (json!({"terms": {"_id": ["a", 7]}}), json!({"ids": ["a", "7"]})),
        (json!({"term": {"memory_container_id": "other"}}), json!("nothing")),
    ] {
        assert_eq!(parsed_of(POINTS, &query), Ok(filter), "{query}");
    }
}

#[test]
fn of_points_what_their_store_cannot_say_is_refused_and_named() {
    for (query, says) in [
        (json!({"prefix": {"owner_id": "a"}}), "[prefix] is not supported here"),
        (json!({"range": {"size": {"gt": "a"}}}), "[range] is not supported here"),
        (
            json!({"range": {"size": {"gt": "now", "format": "strict_date_optional_time"}}}),
            "[range] is not supported here",
        ),
        (json!({"term": {"size": 1e17}}), "[term] is not supported here"),
        (
            json!({"terms": {"size": [1, -9_007_199_254_740_992_i64]}}),
            "[terms] is not supported here",
        ),
        (json!({"term": {"created_time": 1}}), "unknown field [created_time]"),
    ] {
        let bool = json!({"bool": {"must": [{"match_all": {}}], "must_not": [query]}});
        for query in [query, bool] {
            let said = parsed_of(POINTS, &query).unwrap_err();
            assert!(said.contains(says), "{query}: {said}");
        }
    }
}
