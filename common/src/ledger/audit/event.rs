//! An event of the audit trail.

use std::collections::BTreeMap;
use std::net::IpAddr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use strum::{EnumIter, EnumString, IntoStaticStr};
use uuid::Uuid;

/// The effect of an act.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, EnumIter, EnumString, IntoStaticStr)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Effect {
    /// It was done.
    Done,
    /// It changed nothing: the state was so already.
    Unchanged,
    /// It was refused: the credentials do not allow it, or are no longer valid.
    Refused,
}

impl Effect {
    /// Returns the word used in the ledger, in answers and in logs.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// An event of the audit trail. It holds no memory's id and no person.
// Stored as JSON, with the fields in this alphabetical order. So an event has the same bytes for ever, and they can be
// signed and hashed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditEvent {
    /// The act: a word of [`Act`](super::Act), or of a newer version.
    pub act: String,
    /// The name of the key, or the word that stands for a token's issuer and subject.
    pub actor: String,
    /// The address from which the request came.
    pub address: Option<IpAddr>,
    /// The time, by the clock of the process that served the request.
    pub at: Timestamp,
    /// Further details of the act.
    pub details: BTreeMap<String, Value>,
    /// The effect.
    pub effect: Effect,
    /// The event's own id, a UUID of version 7: ids are in the order of time.
    pub id: Uuid,
    /// The id of the job, key, target, schedule or mapping.
    pub object_id: String,
    /// The type of that object.
    pub object_type: String,
    /// The id of the request, as in the answer and the log.
    pub request_id: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_effect_has_one_word_everywhere() {
        for effect in [Effect::Done, Effect::Unchanged, Effect::Refused] {
            assert_eq!(serde_json::to_value(effect).unwrap(), effect.as_str());
        }
    }

    #[test]
    fn the_bytes_of_an_event_are_in_the_order_of_its_names() {
        let event = AuditEvent {
            act: "key.create".to_owned(),
            actor: "root".to_owned(),
            address: Some(IpAddr::from([127, 0, 0, 1])),
            at: Timestamp::UNIX_EPOCH,
            details: [("b".to_owned(), 1.into()), ("a".to_owned(), "x".into())].into(),
            effect: Effect::Done,
            id: Uuid::nil(),
            object_id: "nightly".to_owned(),
            object_type: "key".to_owned(),
            request_id: None,
        };
        let bytes = serde_json::to_string(&event).unwrap();
        assert_eq!(
            bytes,
            r#"{"act":"key.create","actor":"root","address":"127.0.0.1","at":"1970-01-01T00:00:00Z","details":{"a":"x","b":1},"#.to_owned()
                + r#""effect":"done","id":"00000000-0000-0000-0000-000000000000","object_id":"nightly","object_type":"key","request_id":null}"#
        );
        assert_eq!(serde_json::from_str::<AuditEvent>(&bytes).unwrap(), event);
    }
}
