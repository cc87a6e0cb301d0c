//! Extractors for handlers, with our problems in place of axum's texts.

use axum::body::Body;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::request::Parts;
use futures::StreamExt;
use lethe_common::job::JobId;
use serde::de::DeserializeOwned;

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

impl<S: Send + Sync> FromRequest<S> for Nothing {
    type Rejection = Problem;

    async fn from_request(request: Request<Body>, _state: &S) -> Result<Self, Problem> {
        let refused = |what| Problem::new(Kind::Invalid, format!("send no {what}: it would be ignored"));
        if request.uri().query().is_some_and(|query| !query.is_empty()) {
            return Err(refused("query"));
        }
        let mut body = request.into_body().into_data_stream();
        match body.next().await {
            Some(Ok(bytes)) if !bytes.is_empty() => Err(refused("body")),
            _ => Ok(Self),
        }
    }
}
