//! The evaluator on values that are missing, several, deep, or of another type.

use serde_json::json;

use super::*;

fn filter(json: Value) -> Filter {
    serde_json::from_value(json).unwrap()
}

fn matches(filter: Value, columns: &Value) -> bool {
    let types = |column: &str| match column {
        "meta" => Type::Json,
        "n" => Type::Integer(32),
        "at" => Type::Time,
        "ms" => Type::Counted(crate::filter::Unit::Milliseconds),
        _ => Type::Text,
    };
    self::filter(filter)
        .matcher(Type::Text, &types)
        .matches("1", columns.as_object().unwrap())
}

#[test]
fn a_missing_value_matches_nothing_and_not_of_it_matches() {
    let row = json!({"user": null, "meta": {"tags": [null], "empty": []}});
    for path in [
        json!(["user"]),
        json!(["gone"]),
        json!(["meta", "tags"]),
        json!(["meta", "empty"]),
    ] {
        for missing in [
            json!({"exists": path}),
            json!({"one_of": {"path": path, "values": ["ana", 1, true]}}),
            json!({"range": {"path": path, "bounds": {"lt": "z"}}}),
        ] {
            assert!(!matches(missing.clone(), &row), "{missing}");
            assert!(matches(json!({"not": missing}), &row), "{missing}");
        }
    }
}

#[test]
fn lists_and_objects_are_no_values_but_hold_some() {
    let exists = |meta: &Value| matches(json!({"exists": ["meta", "a"]}), &json!({"meta": {"a": meta}}));
    for empty in [
        json!({}),
        json!([{}]),
        json!([[]]),
        json!({"b": null}),
        json!({"b": [null, {"c": {}}]}),
    ] {
        assert!(!exists(&empty), "{empty}");
    }
    for filled in [
        json!({"b": 0}),
        json!({"b": null, "c": ""}),
        json!([{}, {"b": [[false]]}]),
        json!("{}"),
    ] {
        assert!(exists(&filled), "{filled}");
    }
    // A text stays a text, with any content.
    assert!(matches(json!({"exists": ["user"]}), &json!({"user": "{}"})));
    let opaque = |meta: Value| matches(json!({"opaque": ["meta", "a"]}), &json!({"meta": {"a": meta}}));
    assert!(opaque(json!({})) && opaque(json!([7, {"b": 1}])) && opaque(json!([[7]])));
    assert!(!opaque(json!([7, null])) && !opaque(json!("{}")) && !opaque(json!(null)));
}

#[test]
fn a_column_of_moments_has_bounds_of_its_own() {
    let is_met = |bound: Value, at: Value, of: Type| {
        let bounds = json!({"lte": bound, "moments": {"lt": "2024-02-01T00:00:00Z"}});
        let filter = filter(json!({"range": {"path": ["at"], "bounds": bounds}}));
        let matcher = filter.matcher(Type::Text, &|_| of);
        matcher.matches("1", json!({"at": at}).as_object().unwrap())
    };
    let at = json!("2024-01-31T15:00:00Z");
    assert!(is_met(json!("2024-01"), at.clone(), Type::Time));
    assert!(!is_met(json!("2024-01"), at.clone(), Type::Text), "it writes no moment");
    // A text in the form of a moment is compared as one, with the bounds for moments.
    assert!(is_met(json!("2024-01-31"), at, Type::Text));
    let counted = Type::Counted(crate::filter::Unit::Seconds);
    assert!(is_met(json!("2024-01-31"), json!(1_706_713_200), counted));
    assert!(!is_met(json!("2024-01-31"), json!(1_706_745_600), counted));
    assert!(
        !is_met(json!(7), json!(1_706_713_200), counted),
        "a number is what it counts"
    );
}

#[test]
fn one_element_that_matches_is_enough() {
    let row = json!({"meta": {"tags": [{"color": "red"}, {"color": ["blue", 7]}, "green"]}});
    let asks = |values: Value| json!({"one_of": {"path": ["meta", "tags", "color"], "values": values}});
    assert!(matches(asks(json!(["blue"])), &row));
    assert!(matches(asks(json!([7.0])), &row), "numbers compare as numbers");
    assert!(!matches(asks(json!(["7"])), &row), "and not as texts");
    assert!(!matches(asks(json!(["green"])), &row));
    assert!(matches(
        json!({"range": {"path": ["meta", "tags", "color"], "bounds": {"gte": 7, "lt": 7.5}}}),
        &row
    ));
}

#[test]
fn a_text_has_another_at_its_beginning_or_anywhere_and_only_texts_do() {
    let row = json!({"user": "Ana Banana", "n": 7, "meta": {"tags": ["sea", 7]}});
    let has = |path: Value, has: &str, text: &str| json!({"text": {"path": path, "has": has, "text": text}});
    for (filter, expected) in [
        (has(json!(["user"]), "prefix", "Ana"), true),
        (has(json!(["user"]), "prefix", "ana"), false),
        (has(json!(["user"]), "prefix", "Ban"), false),
        (has(json!(["user"]), "part", "Ban"), true),
        (has(json!(["user"]), "part", "a\0"), false),
        (has(json!(["n"]), "prefix", "7"), false),
        (has(json!(["gone"]), "part", "a"), false),
        (has(json!(["meta", "tags"]), "prefix", "s"), true),
        (has(json!(["meta", "tags"]), "part", "7"), false),
    ] {
        assert_eq!(matches(filter.clone(), &row), expected, "{filter}");
    }
}

#[test]
fn moments_compare_as_moments_whatever_they_are_written_as() {
    let before = |path: Value, bound: &str| json!({"range": {"path": path, "bounds": {"lt": bound}}});
    let row = json!({"at": "2024-01-31 15:00:00.000000", "text": "2024-01-31 15:00:00+01:00", "ms": 1_706_713_200_000_i64,
        "meta": {"at": ["2024-01-31", "x", 7]}});
    for (path, bound, expected) in [
        (json!(["at"]), "2024-01-31", false),
        (json!(["at"]), "2024-01-31T15:00:00Z", false),
        (json!(["at"]), "2024-01-31T15:00:00.000001Z", true),
        (json!(["text"]), "2024-01-31T14:00:00Z", false),
        (json!(["text"]), "2024-01-31T14:00:01Z", true),
        (json!(["ms"]), "2024-01-31T15:00:00Z", false),
        (json!(["ms"]), "2024-01-31T15:00:00.001Z", true),
        (json!(["meta", "at"]), "2024-01-31", false),
        (json!(["meta", "at"]), "2024-01-31T00:00:01Z", true),
    ] {
        assert_eq!(matches(before(path.clone(), bound), &row), expected, "{path} {bound}");
    }
    // A value that is no moment matches neither "before" nor "not before".
    let row = json!({"at": "soon", "text": "soon", "ms": "soon", "meta": {"at": "soon", "n": 7}});
    for path in [json!(["at"]), json!(["text"]), json!(["ms"]), json!(["meta", "at"])] {
        let filter = before(path.clone(), "2024-01-31");
        assert!(!matches(filter.clone(), &row), "{path}");
        assert!(!matches(json!({"not": filter.clone()}), &row), "{path}");
        assert!(!matches(json!({"not": {"not": filter}}), &row), "{path}");
    }
    let number = before(json!(["meta", "n"]), "2024-01-31");
    assert!(
        matches(json!({"not": number}), &row),
        "a number is no moment, nor unreadable"
    );
}

#[test]
fn whole_numbers_and_floats_compare_exactly() {
    let number = |value: Value| value.as_number().unwrap().clone();
    let order = |left, right| numbers(&number(left), &number(right)).unwrap();
    assert_eq!(
        order(json!(9_007_199_254_740_993_i64), json!(9_007_199_254_740_992.0)),
        Ordering::Greater
    );
    assert_eq!(order(json!(1), json!(1.0)), Ordering::Equal);
    assert_eq!(order(json!(-1), json!(-1.5)), Ordering::Greater);
    assert_eq!(order(json!(1.5), json!(1)), Ordering::Greater);
    assert_eq!(order(json!(1e300), json!(i64::MAX)), Ordering::Greater);
    assert_eq!(order(json!(u64::MAX), json!(i64::MAX)), Ordering::Greater);
}

#[test]
fn a_negation_keeps_every_spelling_of_a_value_in_a_column_without_a_type() {
    let found = |filter: Value| {
        let matcher = self::filter(filter).matcher(Type::Text, &|_| Type::Any);
        let rows = [json!("true"), json!(1), json!(7), json!("7"), json!("ana")];
        let matching = rows.iter().map(|x| {
            let columns = json!({"x": x});
            matcher.matches("1", columns.as_object().unwrap())
        });
        matching.collect::<Vec<bool>>()
    };
    let equal = |value: Value| json!({"one_of": {"path": ["x"], "values": [value]}});
    let not = |filter: Value| json!({"not": filter});
    let above = json!({"range": {"path": ["x"], "bounds": {"gte": "7"}}});
    for (filter, expected) in [
        (not(equal(json!(true))), [false, false, true, true, true]),
        (not(equal(json!(7))), [true, true, false, false, true]),
        (not(equal(json!("7"))), [true, true, false, false, true]),
        (not(above), [false, true, false, false, false]),
        (equal(json!(true)), [false; 5]),
        (equal(json!(7)), [false, false, true, false, false]),
        (not(not(equal(json!(7)))), [false, false, true, false, false]),
    ] {
        assert_eq!(found(filter.clone()), expected, "{filter}");
    }
}

#[test]
fn as_many_alternatives_as_are_needed_have_to_match() {
    let row = json!({"user": "ana", "n": 3});
    let any = |at_least: u32| {
        json!({"or": {"at_least": at_least, "any": [
            {"one_of": {"path": ["user"], "values": ["ana"]}},
            {"one_of": {"path": ["n"], "values": ["3"]}},
            {"ids": ["2"]},
        ]}})
    };
    assert!(matches(any(1), &row) && matches(any(2), &row) && !matches(any(3), &row));
}
