//! What a point's payload says about the memory it belongs to.

use std::collections::{BTreeSet, HashMap};

use lethe_common::config::Payload;
use lethe_common::job::Field;
use qdrant_client::qdrant::Value;
use qdrant_client::qdrant::value::Kind;
use uuid::Uuid;

use crate::store::Conditions;

/// Whether a point's payload carries what is demanded of its memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Demands {
    /// It does, or its row vouches for it; or nothing is demanded.
    Met,
    /// It says something else, or nothing.
    NotMet,
    /// For something that is demanded no payload field is mapped, so it cannot be told. What can
    /// be told is met.
    Unmapped,
}

/// Returns the payload fields that say whose memory a point is, and what it has for `demanded`.
pub(super) fn fields(payload: &Payload, demanded: impl IntoIterator<Item = Field>) -> Vec<String> {
    let fields: BTreeSet<&str> = demanded
        .into_iter()
        .filter_map(|field| payload.get(field))
        .chain(payload.id.as_deref())
        .collect();
    fields.into_iter().map(str::to_owned).collect()
}

/// Compares a point's payload with what is demanded.
pub(super) fn demands(mapping: &Payload, conditions: &Conditions, payload: &HashMap<String, Value>) -> Demands {
    let mut answer = Demands::Met;
    for (field, wanted) in conditions.fields.iter() {
        match mapping.get(*field) {
            None => answer = Demands::Unmapped,
            Some(path) => {
                if text(payload, path).as_deref() != Some(wanted) {
                    return Demands::NotMet;
                }
            }
        }
    }
    answer
}

/// Returns whether the payload's id, where one is mapped, is this memory's: byte for byte, or by
/// value where ids are UUIDs by type.
pub(super) fn is_of(mapping: &Payload, id: &str, by_value: bool, payload: &HashMap<String, Value>) -> bool {
    let Some(path) = &mapping.id else {
        return true;
    };
    text(payload, path).is_some_and(|found| {
        found == id || by_value && matches!((Uuid::try_parse(&found), Uuid::try_parse(id)), (Ok(a), Ok(b)) if a == b)
    })
}

/// Returns the one value at a dotted path as text, or `None` if there is none, or more than one.
///
/// A list counts only if it has exactly one element: a point that is also somebody else's is not
/// this one's to erase, though the store's own filters would match it.
pub(super) fn text(payload: &HashMap<String, Value>, path: &str) -> Option<String> {
    let mut parts = path.split('.');
    let mut value = payload.get(parts.next()?)?;
    for part in parts {
        let Some(Kind::StructValue(inner)) = &value.kind else {
            return None;
        };
        value = inner.fields.get(part)?;
    }
    match value.kind.as_ref()? {
        Kind::ListValue(list) => match list.values.as_slice() {
            [only] => scalar(only),
            _ => None,
        },
        _ => scalar(value),
    }
}

fn scalar(value: &Value) -> Option<String> {
    match value.kind.as_ref()? {
        Kind::StringValue(text) => Some(text.clone()),
        Kind::IntegerValue(number) => Some(number.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn payload(value: serde_json::Value) -> HashMap<String, Value> {
        qdrant_client::Payload::try_from(value).unwrap().into()
    }

    fn mapping() -> Payload {
        Payload {
            id: Some("id".to_owned()),
            user: Some("meta.user".to_owned()),
            ..Payload::default()
        }
    }

    fn owned_by(user: &str) -> Conditions {
        Conditions::of([(Field::User, user.to_owned())])
    }

    #[test]
    fn a_payload_meets_a_demand_only_with_exactly_that_value() {
        for (value, met) in [
            (json!("alice"), true),
            (json!(["alice"]), true),
            (json!("Alice"), false),
            (json!("alice "), false),
            (json!(["alice", "bob"]), false),
            (json!([["alice"]]), false),
            (json!([]), false),
            (json!(null), false),
            (json!({"name": "alice"}), false),
        ] {
            let payload = payload(json!({"meta": {"user": value.clone()}}));
            let answer = demands(&mapping(), &owned_by("alice"), &payload);
            assert_eq!(answer == Demands::Met, met, "{value}");
        }
    }

    #[test]
    fn an_integer_is_compared_as_it_is_written() {
        let payload = payload(json!({"meta": {"user": 7}}));
        assert_eq!(demands(&mapping(), &owned_by("7"), &payload), Demands::Met);
        assert_eq!(demands(&mapping(), &owned_by("07"), &payload), Demands::NotMet);
    }

    #[test]
    fn a_known_mismatch_outweighs_what_cannot_be_told() {
        let both = Conditions::of([(Field::Workspace, "w".to_owned()), (Field::User, "alice".to_owned())]);
        let of = |user| payload(json!({"meta": {"user": user}}));
        assert_eq!(demands(&mapping(), &both, &of("bob")), Demands::NotMet);
        assert_eq!(demands(&mapping(), &both, &of("alice")), Demands::Unmapped);
    }

    #[test]
    fn without_conditions_everything_is_met() {
        let payload = payload(json!({}));
        assert_eq!(demands(&mapping(), &Conditions::default(), &payload), Demands::Met);
    }

    #[test]
    fn ids_are_compared_by_value_only_where_they_are_uuids_by_type() {
        let id = "0190a0a0-0000-7000-8000-00000000000a";
        let payload = payload(json!({"id": id.to_uppercase()}));
        assert!(!is_of(&mapping(), id, false, &payload));
        assert!(is_of(&mapping(), id, true, &payload));
    }
}
