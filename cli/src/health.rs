//! Health: the check for containers, which have no curl, and a worker's own listener.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::routing::get;
use axum::{Json, Router};
use lethe_api::connections::{Limits, Port};
use lethe_common::metrics::Metrics;
use lethe_worker::Health;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::options;
use crate::unreached::unreached;

/// The time limit for the answer of a healthy process.
const PATIENCE: Duration = Duration::from_secs(5);

/// Fails unless the process reports that it is ready.
pub(crate) async fn check(options: &options::Health) -> anyhow::Result<()> {
    let client = reqwest::Client::builder()
        .timeout(PATIENCE)
        .build()
        .context("make an HTTP client")?;
    let url = format!("{}/readyz", options.url.trim_end_matches('/'));
    let answer = client.get(&url).send().await;
    let answer = answer.map_err(|error| unreached(error, "the process", &url, "the URL"))?;
    if !answer.status().is_success() {
        bail!("not ready: {}", answer.text().await.unwrap_or_default());
    }
    Ok(())
}

/// Serves a worker's `/livez`, `/readyz` and `/metrics`.
pub(crate) async fn serve(port: Port, health: Arc<Health>, metrics: Metrics, stop: CancellationToken) {
    let ready = Arc::clone(&health);
    let router = Router::new()
        .route(
            "/livez",
            get(move || async move { answer(health.is_alive(), json!({"alive": health.is_alive()})) }),
        )
        .route(
            "/readyz",
            get(move || async move { answer(ready.is_ready(), ready.report()) }),
        )
        .route(
            "/metrics",
            get(move || async move { ([(CONTENT_TYPE, EXPOSITION)], metrics.render()) }),
        )
        // A refused connection is answered with a problem, whose type leads there.
        .route(lethe_api::PROBLEMS, get(async || lethe_api::problems()));
    lethe_api::connections::serve(port, router, Limits::of_few(), stop).await;
}

/// Prometheus' text format.
const EXPOSITION: &str = "text/plain; version=0.0.4; charset=utf-8";

fn answer(good: bool, body: Value) -> (StatusCode, Json<Value>) {
    (
        if good {
            StatusCode::OK
        } else {
            StatusCode::SERVICE_UNAVAILABLE
        },
        Json(body),
    )
}
