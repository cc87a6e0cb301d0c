//! Requests that say everything by their path and their query.

use axum::extract::{FromRequest, Request};

use crate::http::body::Incoming;
use crate::http::problem::Problem;
use crate::state::AppState;

/// What a client may send that always writes some JSON, but has nothing to say.
const NOTHING: [&str; 3] = ["", "{}", "null"];

/// More than this is something.
const LONGEST: usize = 64;

/// A request without a body.
// A condition in a body that is ignored would widen the deletion: all memories of a user in place of one agent's.
pub(crate) struct NoBody;

impl FromRequest<AppState> for NoBody {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &AppState) -> Result<Self, Problem> {
        let refused = || Problem::invalid(PLACE, "send none: what it says would be ignored");
        refuse_body(request, state, refused).await.map(|()| Self)
    }
}

/// Refuses a request whose body says something, with what `refused` returns.
pub(super) async fn refuse_body(
    request: Request,
    state: &AppState,
    refused: impl FnOnce() -> Problem,
) -> Result<(), Problem> {
    let (parts, body) = request.into_parts();
    let mut incoming = Incoming::new(body, state.config().api.max_body);
    let nothing = is_nothing(&mut incoming, state).await;
    let made = if nothing { Ok(()) } else { Err(refused()) };
    incoming.settle(&parts.headers, made).await
}

/// What is wrong then.
pub(super) const PLACE: &str = "the body";

/// Returns whether a body has nothing to say. One that is slow, breaks off or is too large has.
async fn is_nothing(incoming: &mut Incoming, state: &AppState) -> bool {
    let mut text = Vec::new();
    loop {
        match incoming.next(state.config().api.request_timeout).await {
            Ok(Some(part)) => text.extend_from_slice(&part),
            Ok(None) => return NOTHING.iter().any(|nothing| text.trim_ascii() == nothing.as_bytes()),
            Err(_) => return false,
        }
        if text.len() > LONGEST {
            return false;
        }
    }
}
