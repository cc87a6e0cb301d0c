//! The gRPC server: its services, its limits, and its shutdown.

use std::{path::PathBuf, sync::Arc, time::Duration};

use axum::http::{Response, Uri};
use qdrant_client::qdrant::{
    collections_server::CollectionsServer, points_server::PointsServer, qdrant_server::QdrantServer,
    snapshots_server::SnapshotsServer,
};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic::{
    body::Body,
    service::{InterceptorLayer, Routes},
    transport::{Server, server::TcpIncoming},
};

use crate::{
    auth::KeyCheck,
    collection::MESSAGE_LIMIT,
    convert::unsupported,
    error::EdgeError,
    services::{collections::CollectionCalls, health::HealthCall, points::PointCalls, snapshots::SnapshotCalls},
    store::Store,
};

/// The most requests in progress of one connection, so that one client cannot fill the memory.
const CALLS_PER_CONNECTION: usize = 64;
/// The time that open calls may take after a request to shut down: Lethe's own store timeout.
const DRAIN: Duration = Duration::from_secs(8);

/// The directory of the vectors, and the key of their readers and writers.
#[derive(Debug)]
pub struct EdgeOptions {
    /// The directory of the collections; created if it does not exist.
    pub directory: PathBuf,
    /// The key that every call must carry. Must not be empty.
    pub api_key: SecretString,
}

/// Opens all collections in the directory and serves them on the listener until `shutdown`.
///
/// When it returns, all queued writes are applied and flushed.
///
/// # Errors
/// [`EdgeError::InUse`] if another process serves the directory. [`EdgeError::Collection`] if one
/// collection cannot be opened. None is served then, because the points of a missing collection
/// would look deleted.
///
/// # Cancel safety
/// Dropping the future stops the server. Queued writes are still applied, in the background.
pub async fn serve(listener: TcpListener, options: EdgeOptions, shutdown: CancellationToken) -> Result<(), EdgeError> {
    let EdgeOptions { directory, api_key } = options;
    if api_key.expose_secret().is_empty() {
        return Err(EdgeError::EmptyKey);
    }
    let opened = tokio::task::spawn_blocking(move || Store::open(&directory)).await;
    let store = Arc::new(opened.map_err(EdgeError::Task)??);
    let served = serve_store(listener, Arc::clone(&store), api_key, shutdown).await;
    let closed = tokio::task::spawn_blocking(move || store.close()).await;
    served?;
    closed.map_err(EdgeError::Task)
}

async fn serve_store(
    listener: TcpListener,
    store: Arc<Store>,
    api_key: SecretString,
    shutdown: CancellationToken,
) -> Result<(), EdgeError> {
    let serving = Server::builder()
        .concurrency_limit_per_connection(CALLS_PER_CONNECTION)
        .layer(InterceptorLayer::new(KeyCheck::new(api_key)))
        .add_routes(routes(&store))
        .serve_with_incoming_shutdown(
            TcpIncoming::from(listener).with_nodelay(Some(true)),
            shutdown.clone().cancelled_owned(),
        );
    tokio::select! {
        result = serving => result.map_err(EdgeError::Server),
        () = drained(&shutdown) => Ok(()),
    }
}

// A client's open call must not keep the process alive.
async fn drained(shutdown: &CancellationToken) {
    shutdown.cancelled().await;
    tokio::time::sleep(DRAIN).await;
}

fn routes(store: &Arc<Store>) -> Routes {
    let collections = CollectionsServer::new(CollectionCalls::new(Arc::clone(store)));
    let points = PointsServer::new(PointCalls::new(Arc::clone(store)));
    let router = Routes::new(collections.max_decoding_message_size(MESSAGE_LIMIT))
        .add_service(points.max_decoding_message_size(MESSAGE_LIMIT))
        .add_service(SnapshotsServer::new(SnapshotCalls))
        .add_service(QdrantServer::new(HealthCall))
        .into_axum_router()
        .fallback(not_served);
    Routes::from(router)
}

async fn not_served(uri: Uri) -> Response<Body> {
    unsupported(uri.path().trim_start_matches('/')).into_http()
}
