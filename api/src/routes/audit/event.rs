//! An event of the audit trail as callers see it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use lethe_common::ledger::AuditEvent;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::http::format::Row;

/// An event of the audit trail.
#[derive(Serialize, ToSchema)]
#[schema(as = AuditEvent)]
pub(crate) struct Event {
    /// The act, such as `key.create` or `job.cancel`.
    #[schema(example = "job.cancel")]
    pub(crate) act: String,
    /// The caller: the name of an API key, or the word that stands for a token's issuer and subject.
    pub(crate) actor: String,
    /// The address that the request came from.
    #[schema(value_type = Option<String>, example = "192.0.2.7")]
    pub(crate) address: Option<String>,
    /// The time of the act.
    #[schema(value_type = String, format = DateTime)]
    pub(crate) at: Timestamp,
    /// Details of the act, such as the scopes of a key or the pace of a job. Of a refusal: `problem`, the code of the
    /// answer, and `times`, the number of refusals.
    pub(crate) details: BTreeMap<String, Value>,
    /// `done`, `unchanged` if the act changed nothing, or `refused` if the credentials did not allow it.
    pub(crate) effect: &'static str,
    /// The event's id. Ids are in the order of time.
    pub(crate) id: Uuid,
    /// The id or name of the object; `*`: all objects.
    pub(crate) object_id: String,
    /// The type of the object: `job`, `key`, `target`, `schedule`, `mapping` or `all`.
    pub(crate) object_type: String,
    /// The id of the request, as its answer had it in `x-request-id`.
    pub(crate) request_id: Option<String>,
}

impl From<AuditEvent> for Event {
    fn from(event: AuditEvent) -> Self {
        Self {
            act: event.act,
            actor: event.actor,
            address: event.address.map(|address| address.to_string()),
            at: event.at,
            details: event.details,
            effect: event.effect.as_str(),
            id: event.id,
            object_id: event.object_id,
            object_type: event.object_type,
            request_id: event.request_id,
        }
    }
}

impl Row for Event {
    const COLUMNS: &'static [&'static str] = &[
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

    fn row(self) -> Vec<String> {
        vec![
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
