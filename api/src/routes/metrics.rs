//! `/metrics`: the metrics of this process, and of the service as the ledger knows it.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use lethe_common::config::Scope;
use lethe_common::ledger::LedgerError;
use lethe_common::metrics::{self, LARGEST, Service};
use tokio::time::timeout;

use super::health;
use crate::auth::Principal;
use crate::http::problem::Problem;
use crate::routes::answers::Usual;
use crate::state::AppState;
use crate::workers::HEARD_WITHIN;

/// The time limit for the ledger's first answer. An API whose ledger is down must not look like an API that is down.
const PATIENCE: Duration = Duration::from_millis(700);

/// The time limit for the state of the service; Prometheus gives up after 10 s by default.
const READING: Duration = Duration::from_secs(8);

/// Read the metrics in Prometheus' text format.
///
/// Without the ledger there are only the metrics of this process: gaps are more honest than old numbers.
#[utoipa::path(get, path = "/metrics", operation_id = "metrics", tag = "service",
    responses((status = 200, description = "The metrics", body = String, content_type = "text/plain"), Usual))]
pub(crate) async fn metrics(State(state): State<AppState>, principal: Principal) -> Result<impl IntoResponse, Problem> {
    principal.require(Scope::MetricsRead)?;
    principal.require_all_of(None)?;
    metrics::audit_unwritten(state.ledger().unwritten_events());
    let read = async {
        if !health::note(&state, PATIENCE).await {
            tracing::warn!("the ledger does not answer for metrics");
            return None;
        }
        match timeout(READING, service(&state)).await {
            Ok(Ok(service)) => Some(service),
            Ok(Err(error)) => {
                tracing::warn!(error = %error, sqlstate = error.sqlstate(), "the ledger could not be read for metrics");
                None
            }
            Err(_) => {
                tracing::warn!("the ledger took too long for metrics");
                None
            }
        }
    };
    let text = match read.await {
        Some(service) => state.metrics().render_with(&service),
        None => state.metrics().render(),
    };
    Ok((
        [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")],
        text,
    ))
}

/// Reads the state of the service from the ledger.
async fn service(state: &AppState) -> Result<Service, LedgerError> {
    let ledger = state.ledger();
    let totals = ledger.totals().await?;
    let service = ledger.service_state(LARGEST).await?;
    let pauses = ledger.pauses().await?;
    let workers = ledger.seen_workers(HEARD_WITHIN).await?;
    let log = ledger.log_state().await?;
    let (holds, holds_unsettled) = ledger.hold_gauges().await?;
    let mut unserved: BTreeMap<String, u64> = BTreeMap::new();
    let mut routes = service.due_routes.clone();
    routes.sort_unstable();
    routes.dedup();
    for route in routes.iter().filter(|route| !workers.routes.contains(*route)) {
        let target = route.split('/').next().unwrap_or_default();
        *unserved.entry(target.to_owned()).or_default() += 1;
    }
    let unfit = workers.unfit.into_iter();
    let unfit = unfit.map(|(target, tables)| (target, u64::try_from(tables.len()).unwrap_or(u64::MAX)));
    Ok(Service {
        totals,
        state: service,
        pauses,
        unserved,
        unfit: unfit.collect(),
        gone: workers.gone,
        log,
        holds,
        holds_unsettled,
    })
}
