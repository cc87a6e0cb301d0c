//! An event of the audit trail as callers see it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use lethe_common::ledger::{AuditEvent, Effect};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

/// An event of the audit trail.
#[derive(Serialize, ToSchema)]
#[schema(as = AuditEvent)]
pub(crate) struct Event {
    /// The act, such as `key.create` or `job.cancel`.
    #[schema(example = "job.cancel")]
    act: String,
    /// The caller: the name of an API key, or the word that stands for a token's issuer and subject.
    actor: String,
    /// The address that the request came from.
    #[schema(value_type = Option<String>, example = "192.0.2.7")]
    address: Option<String>,
    /// The time of the act.
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    /// Details of the act, such as the scopes of a key or the pace of a job.
    details: BTreeMap<String, Value>,
    /// `done`, or `unchanged` if the act changed nothing.
    effect: &'static str,
    /// The event's id. Ids are in the order of time.
    pub(super) id: Uuid,
    /// The id or name of the object; `*`: all objects.
    object_id: String,
    /// The type of the object: `job`, `key`, `target`, `schedule`, `mapping` or `all`.
    object_type: String,
    /// The id of the request, as its answer had it in `x-request-id`.
    request_id: Option<String>,
}

impl From<AuditEvent> for Event {
    fn from(event: AuditEvent) -> Self {
        Self {
            act: event.act,
            actor: event.actor,
            address: event.address.map(|address| address.to_string()),
            at: event.at,
            details: event.details,
            effect: match event.effect {
                Effect::Done => "done",
                Effect::Unchanged => "unchanged",
            },
            id: event.id,
            object_id: event.object_id,
            object_type: event.object_type,
            request_id: event.request_id,
        }
    }
}

impl Event {
    /// The names of the columns of [`row`](Self::row).
    pub(super) const COLUMNS: [&str; 10] = [
        "id",
        "at",
        "actor",
        "address",
        "act",
        "object_type",
        "object_id",
        "effect",
        "details",
        "request_id",
    ];

    /// Returns the event as a row of a table.
    pub(super) fn row(self) -> [String; 10] {
        [
            self.id.to_string(),
            self.at.to_string(),
            self.actor,
            self.address.unwrap_or_default(),
            self.act,
            self.object_type,
            self.object_id,
            self.effect.to_owned(),
            serde_json::to_string(&self.details).expect("JSON can be written"),
            self.request_id.unwrap_or_default(),
        ]
    }
}
