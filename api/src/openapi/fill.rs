//! Puts the examples into operations.

use serde_json::Value;
use utoipa::openapi::path::Operation;
use utoipa::openapi::{Content, RefOr};

use super::examples::{answered, sent};

/// Puts an example into each body of an operation that has none yet.
pub(super) fn examples(operation: &mut Operation) {
    let Some(id) = operation.operation_id.as_deref() else {
        return;
    };
    if let Some(RefOr::T(body)) = &mut operation.request_body {
        for (media, content) in &mut body.content {
            put(content, || sent(id, media));
        }
    }
    for (status, response) in &mut operation.responses.responses {
        let RefOr::T(response) = response else { continue };
        for (media, content) in &mut response.content {
            put(content, || answered(id, status, media));
        }
    }
}

fn put(content: &mut RefOr<Content>, example: impl FnOnce() -> Option<Value>) {
    if let RefOr::T(content) = content
        && content.example.is_none()
    {
        content.example = example();
    }
}
