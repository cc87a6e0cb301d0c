//! Random filters and random JSON, for all stores.

use lethe_common::filter::{Filter, Scalar};
use proptest::prelude::*;
use serde_json::Value;

/// Values of every type.
pub(crate) fn scalar(
    texts: &'static [&'static str],
    whole: &'static [i64],
    floats: &'static [f64],
) -> impl Strategy<Value = Scalar> + Clone {
    prop_oneof![
        4 => prop::sample::select(texts).prop_map(Scalar::from),
        3 => prop::sample::select(whole).prop_map(Scalar::Integer),
        2 => prop::sample::select(floats).prop_map(Scalar::Float),
        1 => any::<bool>().prop_map(Scalar::Bool),
    ]
}

/// Nested lists and objects of such values.
pub(crate) fn nested(
    leaf: impl Strategy<Value = Value> + 'static,
    names: &'static [&'static str],
) -> impl Strategy<Value = Value> {
    leaf.prop_recursive(4, 16, 4, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            prop::collection::btree_map(prop::sample::select(names), inner, 0..4)
                .prop_map(|map| map.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()),
        ]
    })
}

/// Nested filters of such parts.
pub(crate) fn combined(leaf: impl Strategy<Value = Filter> + 'static) -> impl Strategy<Value = Filter> {
    leaf.prop_recursive(4, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 1..4).prop_map(Filter::And),
            (prop::collection::vec(inner.clone(), 1..4), 1..4_u32)
                .prop_map(|(any, at_least)| Filter::Or { any, at_least }),
            inner.prop_map(|inner| Filter::Not(Box::new(inner))),
        ]
    })
}
