//! Requests without a body: path and query hold all parameters.

use axum::extract::{FromRequest, Request};

use crate::http::body::Incoming;
use crate::http::problem::Problem;
use crate::state::AppState;

/// Bodies that count as empty. Some clients always send JSON.
const NOTHING: [&str; 3] = ["", "{}", "null"];

/// The longest body that may count as empty, in bytes.
const LONGEST: usize = 64;

/// A request without a body.
// An ignored condition in a body would widen the deletion: all memories of a user instead of one agent's.
pub(crate) struct NoBody;

impl FromRequest<AppState> for NoBody {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &AppState) -> Result<Self, Problem> {
        let refused = || Problem::invalid(PLACE, "send no body: this route would ignore it");
        refuse_body(request, state, refused).await.map(|()| Self)
    }
}

/// Refuses a request whose body is not empty, with the problem from `refused`.
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

/// The field that the problem names.
pub(super) const PLACE: &str = "the body";

/// Returns whether a body is empty. A body that is slow, breaks off or is too large is not.
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
