//! Extractors for handlers, with our problems in place of axum's texts.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{FromRef, FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::Uri;
use axum::http::request::Parts;
use form_urlencoded::Serializer;
use lethe_common::config::Config;
use lethe_common::job::JobId;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use crate::http::body::Incoming;
use crate::http::json;
use crate::http::problem::{Kind, Problem};

/// The query parameters; `T` refuses unknown ones.
pub(crate) struct Params<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Params<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Self::of(&parts.uri)
    }
}

impl<T: DeserializeOwned> Params<T> {
    /// Reads the query of a URI.
    pub(crate) fn of(uri: &Uri) -> Result<Self, Problem> {
        let Query(params) = Query::try_from_uri(uri).map_err(|rejection| json::of_query(&rejection))?;
        Ok(Self(params))
    }

    /// Reads pairs of names and values, as a query with them.
    pub(crate) fn of_pairs<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self, Problem> {
        let root = "/?";
        let query = Serializer::for_suffix(root.to_owned(), root.len())
            .extend_pairs(pairs)
            .finish();
        // Encoded again they may be too long for a URI.
        let uri = query.parse::<Uri>();
        Self::of(&uri.map_err(|_| Problem::invalid("the query", "write less"))?)
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

/// The id of a receipt in the path.
pub(crate) struct ReceiptPath(pub(crate) Uuid);

impl<S: Send + Sync> FromRequestParts<S> for ReceiptPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Path(id) = Path::<String>::from_request_parts(parts, state)
            .await
            .map_err(|_| Problem::unknown_receipt())?;
        id.parse().map(Self).map_err(|_| Problem::unknown_receipt())
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

/// A request without a body. Its query may have parameters.
pub(crate) struct NoBody;

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
        if request.uri().query().is_some_and(|query| !query.is_empty()) {
            return Err(ignored("query"));
        }
        NoBody::from_request(request, state).await.map(|NoBody| Self)
    }
}

fn ignored(what: &str) -> Problem {
    Problem::new(Kind::Invalid, format!("send no {what}: it would be ignored"))
}

impl<S: Send + Sync> FromRequest<S> for NoBody
where
    Arc<Config>: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request(request: Request<Body>, state: &S) -> Result<Self, Problem> {
        let within = Arc::<Config>::from_ref(state).api.request_timeout.min(EMPTY);
        let (parts, body) = request.into_parts();
        let mut incoming = Incoming::new(body, 0);
        let nothing = loop {
            match incoming.next(within).await {
                // A part without bytes.
                Ok(Some(_)) => {}
                Ok(None) => break Ok(Self),
                // A body that is late or breaks off was announced, so it is refused like one that arrives.
                Err(_) => break Err(ignored("body")),
            }
        };
        incoming.settle(&parts.headers, nothing).await
    }
}
