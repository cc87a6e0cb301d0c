//! Filters on payloads.

use lethe_common::config::{Constant, MappingScope, Payload};
use qdrant_client::qdrant::r#match::MatchValue;
use qdrant_client::qdrant::{
    Condition, FieldCondition, Filter, PayloadSchemaType, RepeatedIntegers, RepeatedStrings, ValuesCount,
};

use super::payload::{Said, Whose};

/// The form in which values of a payload field are looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum FieldForm {
    /// As texts, and as numbers where the text is one.
    #[default]
    Either,
    /// As texts: in strict mode the field's index has only these.
    Texts,
    /// As numbers: in strict mode the field's index has only these.
    Numbers,
}

impl FieldForm {
    /// Returns the form of the values in an index, if identities can be looked up there.
    pub(super) fn by(index: PayloadSchemaType) -> Option<Self> {
        match index {
            PayloadSchemaType::Keyword | PayloadSchemaType::Uuid => Some(Self::Texts),
            PayloadSchemaType::Integer => Some(Self::Numbers),
            _ => None,
        }
    }
}

/// Returns the condition that a field has one of `values`. It matches nothing if the field can hold
/// none of them.
///
/// It never uses the client's own conversion: that turns a value with a blank into a full-text search.
pub(super) fn any_of(path: &str, written: FieldForm, values: &[&str]) -> Condition {
    let texts = || {
        let strings = values.iter().map(|&value| value.to_owned()).collect();
        Condition::matches(path, MatchValue::Keywords(RepeatedStrings { strings }))
    };
    let integers: Vec<i64> = values.iter().filter_map(|value| integer(value)).collect();
    let numbers = |integers| Condition::matches(path, MatchValue::Integers(RepeatedIntegers { integers }));
    match written {
        FieldForm::Texts => texts(),
        // An empty list of numbers matches nothing, which is right.
        FieldForm::Numbers => numbers(integers),
        FieldForm::Either if integers.is_empty() => texts(),
        FieldForm::Either => Filter::should([texts(), numbers(integers)]).into(),
    }
}

/// Returns the condition that a field has at most one value: a point with more belongs to another
/// owner too.
pub(super) fn at_most_one(path: &str) -> Condition {
    Condition::values_count(
        path,
        ValuesCount {
            lte: Some(1),
            ..ValuesCount::default()
        },
    )
}

/// Returns conditions that a point is in a scope.
pub(super) fn scoped(scope: &MappingScope) -> Vec<Condition> {
    scope
        .iter()
        .flat_map(|(path, constant)| {
            let value = match constant {
                Constant::Text(text) => MatchValue::Keyword(text.clone()),
                Constant::Whole(number) => MatchValue::Integer(*number),
            };
            [Condition::matches(path, value), at_most_one(path)]
        })
        .collect()
}

/// Returns the conditions that a payload still has the values that were read, as far as the store can compare them.
pub(super) fn unchanged(payload: &Payload, written: impl Fn(&str) -> FieldForm, whose: &Whose) -> Vec<Condition> {
    let mut conditions = Vec::new();
    for (field, said) in whose.iter() {
        let Some(path) = payload.get(field) else { continue };
        match (said, said.one()) {
            (_, Some(value)) => {
                conditions.extend([any_of(path, written(path), &[&value]), at_most_one(path)]);
            }
            (Said::Nothing, _) => conditions.push(says_nothing(path)),
            // Several values, or a value that identifies no owner, cannot be compared.
            _ => {}
        }
    }
    conditions
}

/// Returns the condition that a field is absent, is null, or is an empty list.
pub(super) fn says_nothing(path: &str) -> Condition {
    // For the store a list of one null is not empty, and `is_null` matches any list with a null in it.
    let null = FieldCondition {
        key: path.to_owned(),
        is_null: Some(true),
        ..FieldCondition::default()
    };
    let null = Filter::must([Condition::from(null), at_most_one(path)]);
    Filter::should([Condition::is_empty(path), null.into()]).into()
}

fn integer(text: &str) -> Option<i64> {
    text.parse().ok().filter(|number: &i64| number.to_string() == text)
}
