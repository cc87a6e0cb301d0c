//! The header `Content-Type`.

use axum::http::{HeaderMap, header};

use super::problem::{Kind, Problem};

/// The media types of bodies that make a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MediaType {
    Json,
    Ndjson,
}

impl MediaType {
    pub(crate) fn of(headers: &HeaderMap) -> Result<Self, Problem> {
        let refused = |detail| Err(Problem::new(Kind::MediaType, detail));
        if headers.contains_key(header::CONTENT_ENCODING) {
            return refused("send the body without a content encoding");
        }
        let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let essence = value
            .and_then(|value| value.split(';').next())
            .unwrap_or_default()
            .trim();
        match essence.to_ascii_lowercase().as_str() {
            "application/x-ndjson" => Ok(Self::Ndjson),
            essence if is_json(essence) => Ok(Self::Json),
            _ => refused("send `content-type: application/json`, or `application/x-ndjson` for a stream of ids"),
        }
    }
}

/// Returns whether a media type in lower case is JSON, or is written as JSON (RFC 6839).
fn is_json(essence: &str) -> bool {
    let of_application = essence.strip_prefix("application/");
    of_application.is_some_and(|name| name == "json" || name.strip_suffix("+json").is_some_and(|kind| !kind.is_empty()))
}

/// Refuses a body without a JSON content type. A request without a body needs no content type.
// A page of any origin may send a body without a type, or with a form's type, without a preflight.
pub(crate) fn json_only(headers: &HeaderMap, is_nothing: bool) -> Result<(), Problem> {
    match MediaType::of(headers) {
        Err(problem) if headers.contains_key(header::CONTENT_ENCODING) => Err(problem),
        Ok(MediaType::Json) => Ok(()),
        Err(_) if is_nothing && !headers.contains_key(header::CONTENT_TYPE) => Ok(()),
        Ok(MediaType::Ndjson) | Err(_) => Err(Problem::new(Kind::MediaType, "send `content-type: application/json`")),
    }
}
