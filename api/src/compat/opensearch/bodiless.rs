//! Requests that have no body in OpenSearch, which refuses one.

use axum::extract::{FromRequest, MatchedPath, Request};

use super::values::illegal;
use crate::compat::bodiless::refuse_body;
use crate::http::problem::Problem;
use crate::state::AppState;

/// A request without a body. A condition in a body that is ignored would widen what is deleted or cancelled.
pub(crate) struct NoBody;

impl FromRequest<AppState> for NoBody {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &AppState) -> Result<Self, Problem> {
        // Not the path itself: ids are in it.
        let path = request.extensions().get::<MatchedPath>();
        let what = format!("{} {}", request.method(), path.map_or("", MatchedPath::as_str));
        let refused = || illegal(&format!("request [{what}] does not support having a body"));
        refuse_body(request, state, refused).await.map(|()| Self)
    }
}
