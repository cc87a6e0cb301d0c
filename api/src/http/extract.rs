//! Extractors for handlers, with our problems in place of axum's texts.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{FromRef, FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::request::Parts;
use lethe_common::config::Config;
use lethe_common::job::JobId;
use serde::de::DeserializeOwned;

use crate::http::body::Incoming;
use crate::http::json;
use crate::http::problem::{Kind, Problem};

/// The query parameters; `T` refuses unknown ones.
pub(crate) struct Params<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Params<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Query(params) = Query::from_request_parts(parts, state)
            .await
            .map_err(|rejection| json::of_query(&rejection))?;
        Ok(Self(params))
    }
}

/// The id of a job in the path.
pub(crate) struct JobPath(pub(crate) JobId);

impl<S: Send + Sync> FromRequestParts<S> for JobPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let unknown = |_| Problem::unknown_job();
        let Path(id) = Path::<String>::from_request_parts(parts, state)
            .await
            .map_err(|_| Problem::unknown_job())?;
        id.parse().map(Self).map_err(unknown)
    }
}

/// A name in the path: of a key, a target or a schedule.
pub(crate) struct NamePath(pub(crate) String);

impl<S: Send + Sync> FromRequestParts<S> for NamePath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        // axum only refuses names that are not UTF-8, and nothing has such a name.
        let unknown = |_| {
            Problem::new(
                Kind::NotFound,
                "nothing has this name: write it as percent-encoded UTF-8",
            )
        };
        let Path(name) = Path::from_request_parts(parts, state).await.map_err(unknown)?;
        Ok(Self(name))
    }
}

/// A request without a query and without a body.
// If a body or a query were ignored, `POST /v1/pause` with a target in it would pause everything.
pub(crate) struct Nothing;

/// The longest wait for the end of an empty body. It comes with the head, or right after it.
const EMPTY: Duration = Duration::from_secs(5);

impl<S: Send + Sync> FromRequest<S> for Nothing
where
    Arc<Config>: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request(request: Request<Body>, state: &S) -> Result<Self, Problem> {
        let refused = |what| Problem::new(Kind::Invalid, format!("send no {what}: it would be ignored"));
        if request.uri().query().is_some_and(|query| !query.is_empty()) {
            return Err(refused("query"));
        }
        let within = Arc::<Config>::from_ref(state).api.request_timeout.min(EMPTY);
        let (parts, body) = request.into_parts();
        let mut incoming = Incoming::new(body, 0);
        let nothing = loop {
            match incoming.next(within).await {
                // A part without bytes.
                Ok(Some(_)) => {}
                Ok(None) => break Ok(Self),
                // A body that is late or breaks off was announced, so it is refused like one that arrives.
                Err(_) => break Err(refused("body")),
            }
        };
        incoming.settle(&parts.headers, nothing).await
    }
}
