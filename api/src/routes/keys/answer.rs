//! A key as callers see it.

use std::collections::BTreeSet;

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use lethe_common::clock::from_millis;
use lethe_common::config::Bounds;
use lethe_common::ledger::KeyRow;
use serde::Serialize;
use utoipa::ToSchema;

/// An API key, without the secret.
#[derive(Serialize, ToSchema)]
#[schema(as = Key)]
pub(crate) struct KeyAnswer {
    /// The name.
    pub(crate) name: String,
    /// Its scopes.
    pub(crate) scopes: Vec<String>,
    /// The one person whose memories it reaches; `null`: all persons.
    pub(crate) user: Option<String>,
    /// The workspaces it reaches; `null`: all.
    pub(crate) workspaces: Option<BTreeSet<String>>,
    /// The targets it reaches; `null`: all.
    pub(crate) targets: Option<BTreeSet<String>>,
    /// The time when it expires; `null`: never.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub(crate) expires_at: Option<Timestamp>,
    /// Whether it has expired.
    pub(crate) expired: bool,
    /// When it was made.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub(crate) created_at: Option<Timestamp>,
    /// The caller that made it.
    pub(crate) created_by: String,
    /// The time of its last use, to the minute; `null`: never.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub(crate) last_used_at: Option<Timestamp>,
    /// The time when the secret before the last rotation stops; `null`: the key has one secret.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub(crate) previous_secret_ends_at: Option<Timestamp>,
}

/// An API key with a secret that was just made.
#[derive(Serialize, ToSchema)]
pub(crate) struct MadeKey {
    /// The key itself, its new secret. It is not stored: only this answer shows it.
    #[schema(example = "lethe_2f6c…")]
    key: String,
    #[serde(flatten)]
    about: KeyAnswer,
}

impl MadeKey {
    /// Returns the only answer that shows a secret.
    pub(super) fn answer(status: StatusCode, key: String, row: KeyRow) -> Response {
        let about = row.into();
        let not_stored = HeaderValue::from_static("no-store");
        (status, [(header::CACHE_CONTROL, not_stored)], Json(Self { key, about })).into_response()
    }
}

impl From<KeyRow> for KeyAnswer {
    fn from(row: KeyRow) -> Self {
        let Bounds {
            user,
            workspaces,
            targets,
        } = row.key.bounds;
        Self {
            name: row.key.name,
            scopes: row.key.scopes,
            user,
            workspaces,
            targets,
            expires_at: row.key.expires_at.and_then(from_millis),
            expired: row.left.is_some_and(|left| left.is_zero()),
            created_at: from_millis(row.created_at),
            created_by: row.created_by,
            last_used_at: row.last_used_at.and_then(from_millis),
            previous_secret_ends_at: row.previous_until.and_then(from_millis),
        }
    }
}
