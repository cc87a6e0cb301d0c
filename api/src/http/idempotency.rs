//! The header `Idempotency-Key`.

use axum::http::{HeaderMap, HeaderName};

use super::problem::Problem;

const KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// The longest key, in characters: a UUID with much room for a prefix.
const MAX_KEY: usize = 255;

/// Reads the idempotency key of a request.
pub(crate) fn key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let mut keys = headers.get_all(KEY).iter();
    let Some(key) = keys.next() else { return Ok(None) };
    let valid = key
        .to_str()
        .ok()
        .filter(|key| (1..=MAX_KEY).contains(&key.len()) && !key.contains('\t') && keys.next().is_none());
    match valid {
        Some(key) => Ok(Some(key.to_owned())),
        None => Err(Problem::invalid(
            "Idempotency-Key",
            format_args!("send one, of 1 to {MAX_KEY} printable ASCII characters"),
        )),
    }
}
