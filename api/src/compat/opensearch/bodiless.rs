//! Requests without a body. OpenSearch refuses a body on these routes.

use axum::extract::{FromRequest, MatchedPath, Request};

use super::values::illegal;
use crate::compat::bodiless::refuse_body;
use crate::http::problem::Problem;
use crate::state::AppState;

/// A request without a body. An ignored condition in a body would widen the deletion or the cancellation.
pub(crate) struct NoBody;

impl FromRequest<AppState> for NoBody {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &AppState) -> Result<Self, Problem> {
        // The route's template: the path itself contains ids.
        let path = request.extensions().get::<MatchedPath>();
        let what = format!("{} {}", request.method(), path.map_or("", MatchedPath::as_str));
        let refused = || illegal(&format!("request [{what}] does not support having a body"));
        refuse_body(request, state, refused).await.map(|()| Self)
    }
}
