//! `/.well-known/…`: what everybody may read to verify receipts.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lethe_common::ledger::{LedgerError, SigningKeyRow};
use lethe_common::receipt::SCHEMA;
use lethe_common::receipt::keys::{ALGORITHM, Key, KeySet, PublicKey};
use lethe_common::receipt::time::Time;
use lethe_common::tlog::note::NoteKey;

use crate::http::limits::remembered::REMEMBER;
use crate::http::problem::Problem;
use crate::routes::answers::problems;
use crate::state::AppState;

/// The path of the schema of receipts.
const SCHEMA_PATH: &str = "/.well-known/lethe-receipt.v1.schema.json";

/// The time for which this process and verifiers keep the list of keys.
// A new key should be known soon. In a rotation the key before it signs for longer than that.
const KEYS_FOR: Duration = Duration::from_mins(1);

/// The schema changes with a release only.
const SCHEMA_FOR: &str = "public, max-age=3600";

problems! {
    /// The problems of a route without credentials.
    Unavailable {
        500 "A fault of the service."
        503 "The ledger does not answer in time."
    }
}

/// Read the public keys of receipts and checkpoints, retired ones too. No credentials are needed.
#[utoipa::path(get, path = "/.well-known/lethe-keys.json", operation_id = "receiptKeys", tag = "receipts", security(()),
    responses(
        (status = 200, description = "The keys", body = serde_json::Value, content_type = "application/json"),
        Unavailable,
    ))]
pub(crate) async fn keys(State(state): State<AppState>) -> Result<impl IntoResponse, Problem> {
    let (age, keys) = state.published_keys().get_for(published(&state), lasts).await;
    let headers = [
        (
            header::CACHE_CONTROL,
            format!("public, max-age={}", lasts(&keys).as_secs()),
        ),
        (header::AGE, age.as_secs().to_string()),
    ];
    Ok((headers, Json(keys?)))
}

/// Returns the time for which a list is kept. Without a key it is of a log that has just begun.
fn lasts(keys: &Result<KeySet, Problem>) -> Duration {
    match keys {
        Ok(list) if !list.keys.is_empty() => KEYS_FOR,
        Ok(_) | Err(_) => REMEMBER,
    }
}

/// Returns the public keys of receipts and checkpoints, retired ones too.
pub(crate) async fn published(state: &AppState) -> Result<KeySet, Problem> {
    let receipts = &state.config().receipts;
    let origin = receipts.origin();
    let rows = state.ledger().signing_keys().await?;
    let keys: Result<Vec<Key>, LedgerError> = rows.iter().map(|row| key(row, &origin)).collect();
    Ok(KeySet {
        issuer: receipts.issuer().to_owned(),
        schema: SCHEMA_PATH.to_owned(),
        keys: keys?,
        origin,
    })
}

/// Returns a stored key as the list has it.
fn key(row: &SigningKeyRow, origin: &str) -> Result<Key, LedgerError> {
    let bytes = STANDARD.decode(&row.public_key).ok();
    let bytes = bytes.and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
    let public = bytes.and_then(|bytes| PublicKey::from_bytes(&bytes).ok());
    let name = bytes.and_then(|bytes| NoteKey::new(origin, &bytes).ok());
    match (public, name) {
        (Some(public), Some(name)) if row.algorithm == ALGORITHM => Ok(Key::new(
            &public,
            name.vkey(),
            Time::from(row.made_at),
            row.retired_at.map(Time::from),
        )),
        _ => Err(LedgerError::Corrupt {
            table: "signing_keys",
            column: "public_key",
            row: row.key_id.clone(),
        }),
    }
}

/// Read the JSON schema of receipts. No credentials are needed.
#[utoipa::path(get, path = "/.well-known/lethe-receipt.v1.schema.json", operation_id = "receiptSchema", tag = "receipts",
    security(()),
    responses((status = 200, description = "The schema", body = serde_json::Value, content_type = "application/schema+json")))]
pub(crate) async fn schema() -> impl IntoResponse {
    let headers = [
        (header::CONTENT_TYPE, "application/schema+json"),
        (header::CACHE_CONTROL, SCHEMA_FOR),
    ];
    (headers, SCHEMA)
}
