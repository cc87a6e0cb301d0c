//! The connection to a vector store.
//!
//! The client's futures are some 20 KB each, so every request is boxed: futures of callers stay
//! small.

use std::fmt;
use std::time::Duration;

use lethe_common::config::VectorEndpoint;
use lethe_common::job::StoreKind;
use qdrant_client::{Qdrant, QdrantError};
use secrecy::{ExposeSecret, SecretString};

use crate::store::StoreError;

/// A vector store.
#[derive(Clone)]
pub struct VectorStore {
    pub(super) client: Qdrant,
    pub(super) timeout: Duration,
}

// The client holds the API key.
impl fmt::Debug for VectorStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("VectorStore(..)")
    }
}

impl VectorStore {
    /// Prepares connections to `endpoint` without making one: the store may be down.
    ///
    /// `api_key` is the key that the configuration resolved; the endpoint's own fields for it are
    /// not read here. Every call is bounded by `store_timeout`, at the client and in the request.
    ///
    /// # Errors
    /// Fails if the URL cannot be read.
    pub fn connect_lazy(
        endpoint: &VectorEndpoint,
        api_key: Option<&SecretString>,
        store_timeout: Duration,
    ) -> Result<Self, StoreError> {
        let client = Qdrant::from_url(&endpoint.url)
            .api_key(api_key.map(ExposeSecret::expose_secret))
            .timeout(store_timeout)
            // Half: a server that is down then differs from a slow one.
            .connect_timeout(store_timeout / 2)
            // The check prints, and waits for the server in a thread of its own.
            .skip_compatibility_check()
            .build()?;
        Ok(Self {
            client,
            timeout: store_timeout,
        })
    }

    /// Checks that the store answers.
    ///
    /// # Errors
    /// Fails with the error that other calls would meet.
    pub async fn ping(&self) -> Result<(), StoreError> {
        // Not the health check, which needs no credentials.
        self.bounded(async { Ok(Box::pin(self.client.list_collections()).await.map(drop)?) })
            .await
    }

    /// Returns whether the store answers within a time limit, even if the key may not list collections.
    pub async fn answers(&self, within: Duration) -> bool {
        match tokio::time::timeout(within, self.ping()).await {
            Ok(Err(error)) => !error.is_outage() && !matches!(error, StoreError::Timeout { .. }),
            answer => answer.is_ok(),
        }
    }

    /// Runs one call within the store's time limit.
    pub(super) async fn bounded<T>(&self, call: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
        tokio::time::timeout(self.timeout, call)
            .await
            .unwrap_or_else(|_| Err(StoreError::timed_out(StoreKind::Vector)))
    }

    /// Returns the answer to a request, or `None` if the collection is not there.
    pub(super) fn existing<T>(answer: Result<T, QdrantError>) -> Result<Option<T>, StoreError> {
        match answer.map_err(StoreError::from) {
            Ok(value) => Ok(Some(value)),
            Err(StoreError::Missing { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }
}
