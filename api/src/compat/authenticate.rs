//! Who asks, before anything else of a request is looked at.

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::system::System;
use crate::auth::{Auth, Principal};

/// Establishes who asks before anything else of a compatible request is looked at, its method and
/// its path included; handlers find the [`Principal`] among the request's extensions.
pub(crate) async fn authenticate(State(auth): State<Auth>, request: Request, next: Next) -> Response {
    let Some(system) = System::of(&request) else {
        return next.run(request).await;
    };
    let (mut parts, body) = request.into_parts();
    match auth.authenticate(&parts, system.schemes()).await {
        Ok(principal) => {
            parts.extensions.insert::<Principal>(principal);
            next.run(Request::from_parts(parts, body)).await
        }
        Err(problem) => problem.into_response(),
    }
}
