//! Tells whether a connection is answering a request.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::Request;
use axum::response::Response;
use axum::{Error, Router};
use hyper::body::{Frame, Incoming, SizeHint};
use tower::ServiceExt as _;

/// Counts begun and ended requests of a connection in one number. It is odd while a request is being answered.
#[derive(Debug, Clone, Default)]
pub(super) struct Requests(Arc<AtomicU64>);

impl Requests {
    /// Returns this number, which changes with each begin and end, and whether a request is being answered.
    pub(super) fn now(&self) -> (u64, bool) {
        let n = self.0.load(Ordering::Relaxed);
        (n, n % 2 == 1)
    }

    /// Answers a request.
    pub(super) async fn answer<X>(
        &self,
        router: Router,
        request: hyper::Request<Incoming>,
        of: X,
    ) -> Result<Response, Infallible>
    where
        X: Clone + Send + Sync + 'static,
    {
        let begun = Begun::new(self);
        let mut request: Request = request.map(Body::new);
        request.extensions_mut().insert(of);
        let answer = router.oneshot(request).await?;
        Ok(answer.map(|body| Body::new(Answer { body, _begun: begun })))
    }
}

/// A request that is being answered, until it is dropped.
#[derive(Debug)]
struct Begun(Requests);

impl Begun {
    fn new(requests: &Requests) -> Self {
        requests.0.fetch_add(1, Ordering::Relaxed);
        Self(requests.clone())
    }
}

impl Drop for Begun {
    fn drop(&mut self) {
        self.0.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// The body of an answer, which ends its request when it is dropped.
#[derive(Debug)]
struct Answer {
    body: Body,
    _begun: Begun,
}

impl HttpBody for Answer {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
