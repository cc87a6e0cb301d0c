//! The bodies of requests about keys.

use axum::body::Body;
use axum::http::HeaderMap;
use serde::de::DeserializeOwned;

use super::allowed::allow;
use crate::auth::Principal;
use crate::http::body::Incoming;
use crate::http::json;
use crate::http::media_type::json_only;
use crate::http::object::Object;
use crate::http::problem::{Kind, Problem};
use crate::state::AppState;

/// The longest body, in bytes: some thousand names of workspaces.
const MOST: u64 = 64 << 10;

/// Reads a body that is a JSON object, unless the caller may not manage keys. No body counts as an empty object.
pub(super) async fn read<T: DeserializeOwned>(
    state: &AppState,
    principal: &Principal,
    headers: &HeaderMap,
    body: Body,
) -> Result<T, Problem> {
    let mut incoming = Incoming::new(body, MOST);
    let read = async {
        allow(principal)?;
        json_only(headers, incoming.is_nothing())?;
        let places = state.places().of(&principal.name);
        let bytes = incoming.whole(headers, &places, &state.config().api).await;
        let bytes = bytes.map_err(|problem| {
            if problem.kind == Kind::TooLarge {
                Problem::new(Kind::TooLarge, format!("send at most {MOST} bytes"))
            } else {
                problem
            }
        })?;
        let text = if bytes.is_empty() { b"{}".as_slice() } else { &*bytes };
        let Object(asked) = json::read::<Object<T>>(text)?;
        Ok(asked)
    };
    let read = read.await;
    incoming.settle(headers, read).await
}
