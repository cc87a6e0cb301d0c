//! Filters on payloads.

use lethe_common::config::{Constant, MappingScope, Payload};
use qdrant_client::qdrant::r#match::MatchValue;
use qdrant_client::qdrant::{
    Condition, FieldCondition, Filter, PayloadSchemaType, RepeatedIntegers, RepeatedStrings, ValuesCount,
};

use super::payload::{Said, Whose};

/// How values of a payload field are looked for.
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
    /// Returns how an index has the values of its field, if identities can be looked up there.
    pub(super) fn by(index: PayloadSchemaType) -> Option<Self> {
        match index {
            PayloadSchemaType::Keyword | PayloadSchemaType::Uuid => Some(Self::Texts),
            PayloadSchemaType::Integer => Some(Self::Numbers),
            _ => None,
        }
    }
}

/// Returns a condition on one field: any of `values`, or nothing at all if the field cannot hold
/// one of them.
///
/// Never the client's own conversion: that makes a full-text search of a value with a blank in it.
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

/// Returns a condition that a field has one value only: a list with more would be somebody
/// else's point as well.
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

/// Returns conditions that a payload still says what it said, as far as the store can be asked.
pub(super) fn unchanged(payload: &Payload, written: impl Fn(&str) -> FieldForm, whose: &Whose) -> Vec<Condition> {
    let mut conditions = Vec::new();
    for (field, said) in whose.iter() {
        let Some(path) = payload.get(field) else { continue };
        match (said, said.one()) {
            (_, Some(value)) => {
                conditions.extend([any_of(path, written(path), &[&value]), at_most_one(path)]);
            }
            (Said::Nothing, _) => conditions.push(says_nothing(path)),
            // Of several values, or of none that identifies anybody, there is nothing to compare.
            _ => {}
        }
    }
    conditions
}

/// Returns a condition that a field is not there, is null, or is an empty list.
pub(super) fn says_nothing(path: &str) -> Condition {
    // A list of one null is not empty for the store. This condition takes any list with a null in it.
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
