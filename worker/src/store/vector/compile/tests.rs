//! Tests of the filters that are compiled for the store.

use lethe_common::config::PointId as Rule;
use lethe_common::job::Field;
use qdrant_client::qdrant::PayloadSchemaType;
use serde_json::{Value, json};

use lethe_common::config::MappingScope;

use super::super::indexes::tests::indexes;
use super::*;
use crate::store::Query;

fn compiled(indexes: &Indexes, filter: Value) -> Result<Option<Filter>, StoreError> {
    let mapping = Collection {
        name: "c".to_owned(),
        point: Rule::Uuid,
        namespace: None,
        payload: serde_json::from_value(json!({"id": "id", "user": "user"})).unwrap(),
        scope: MappingScope::default(),
    };
    let compiler = Compiler {
        mapping: &mapping,
        indexes,
        values: 2,
    };
    let filter: Asks = serde_json::from_value(filter).unwrap();
    let conditions = Conditions::of([(Field::User, "ana".to_owned())]).with_query(Query {
        filter: filter.into(),
        start: None,
    });
    compiler.compile(&conditions)
}

fn one_of(path: &[&str], values: &Value) -> Value {
    json!({"one_of": {"path": path, "values": values}})
}

fn owned(more: impl IntoIterator<Item = Condition>) -> Filter {
    let owner = any_of("user", super::super::filter::FieldForm::Either, &["ana"]);
    Filter::must(std::iter::once(owner).chain(more))
}

#[test]
fn what_an_index_may_hide_is_left_out_under_a_negation_too() {
    let doubtful = indexes(
        false,
        &[("n", PayloadSchemaType::Integer), ("id", PayloadSchemaType::Text)],
    );
    let number = one_of(&["n"], &json!([7]));
    for maybe in [
        number.clone(),
        json!({"not": number}),
        json!({"not": {"not": number}}),
        json!({"ids": ["x"]}),
        json!({"not": {"ids": ["x"]}}),
        json!({"exists": ["n"]}),
        json!({"or": {"at_least": 1, "any": [number, one_of(&["a"], &json!(["x"]))]}}),
    ] {
        assert!(
            compiled(&doubtful, maybe.clone()).unwrap() == Some(owned([])),
            "{maybe}"
        );
    }
    // A certain condition still narrows.
    let both = json!({"and": [{"not": number}, one_of(&["a"], &json!([true]))]});
    let certain = Condition::matches("a", MatchValue::Boolean(true));
    assert!(compiled(&doubtful, both).unwrap() == Some(owned([certain])));
    let hidden = indexes(false, &[("user", PayloadSchemaType::Text)]);
    assert!(compiled(&hidden, json!("all")).unwrap() == Some(Filter::default()));
}

#[test]
fn in_strict_mode_every_field_needs_an_index() {
    let keyword = PayloadSchemaType::Keyword;
    let strict = indexes(
        true,
        &[("user", keyword), ("a.b", keyword), ("n", PayloadSchemaType::Integer)],
    );
    let refused = |filter: Value| match compiled(&strict, filter) {
        Err(StoreError::Unindexed { field }) => field,
        other => panic!("{}", other.is_ok()),
    };
    assert_eq!(refused(one_of(&["m", "x"], &json!(["x"]))), "m");
    assert_eq!(refused(json!({"not": {"exists": ["m"]}})), "m");
    assert_eq!(refused(json!({"ids": ["x"]})), "id");
    // All points are read: the store has no answer about a list at `a`, nor about a float at `n`.
    for walked in [one_of(&["a", "b"], &json!(["x"])), one_of(&["n"], &json!([0.5]))] {
        let mut owner = owned([]);
        owner.must = vec![any_of("user", super::super::filter::FieldForm::Texts, &["ana"])];
        assert!(compiled(&strict, walked.clone()).unwrap() == Some(owner), "{walked}");
    }
    let unowned = indexes(true, &[]);
    assert!(matches!(
        compiled(&unowned, json!("all")),
        Err(StoreError::Unindexed { .. })
    ));
}

#[test]
fn what_holds_of_every_point_alike_needs_no_condition() {
    let none = indexes(false, &[]);
    assert!(compiled(&none, json!("nothing")).unwrap().is_none());
    assert!(compiled(&none, one_of(&["a"], &json!([]))).unwrap().is_none());
    let some = json!({"or": {"at_least": 2, "any": ["all", one_of(&["a"], &json!(["x", "y", "z"]))]}});
    let texts = |texts: &[&str]| {
        let strings = texts.iter().map(|text| (*text).to_owned()).collect();
        Condition::matches("a", MatchValue::Keywords(RepeatedStrings { strings }))
    };
    let three: Condition = Filter::should([texts(&["x", "y"]), texts(&["z"])]).into();
    assert!(compiled(&none, some).unwrap() == Some(owned([three])));
}

#[test]
fn a_condition_names_no_more_points_than_the_store_takes() {
    let mapping = Collection {
        name: "c".to_owned(),
        point: Rule::Number,
        namespace: None,
        payload: lethe_common::config::Payload::default(),
        scope: MappingScope::default(),
    };
    let compiler = Compiler {
        mapping: &mapping,
        indexes: &indexes(false, &[]),
        values: 2,
    };
    let Ok(Part::When(condition)) = compiler.ids(&["1", "2", "3"].map(str::to_owned), true) else {
        panic!("three points can be asked for");
    };
    let of = |points: &[u64]| Condition::has_id(points.iter().copied());
    assert!(*condition == Filter::should([of(&[1, 2]), of(&[3])]).into());
}
