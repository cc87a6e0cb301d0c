//! Authentication of compatible requests, before any other check.

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::system::System;
use crate::auth::{Auth, Principal};

/// Authenticates a compatible request before any other check, even of its method and path. Handlers find the
/// [`Principal`] in the request's extensions.
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
