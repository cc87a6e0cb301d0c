//! `/livez` and `/readyz`. Who shows no key learns whether, and not which; nobody learns names of anything outside Lethe.

use std::time::{Duration, Instant};

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use lethe_common::config::Target;
use lethe_common::ledger::{Ledger, Route, WorkerRow};
use lethe_common::metrics::{self, Dependency};
use serde::Serialize;
use tokio::time::timeout;
use utoipa::ToSchema;

use crate::auth::BEARER;
use crate::readiness::{Depends, Reached, Seen, word};
use crate::state::AppState;
use crate::workers::{self, HEARD_WITHIN, TargetReport};

/// How long the ledger may take to answer; probes usually give up after a few seconds.
const PATIENCE: Duration = Duration::from_secs(2);

/// Whether this process can do its work.
#[derive(Serialize, ToSchema)]
pub(crate) struct Readiness {
    /// Whether requests can be answered.
    ready: bool,
    /// What this process depends on; for callers with a key.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    dependencies: Option<Vec<Depends>>,
    /// Whether jobs can be worked on, as far as workers say; for callers with a key, those targets that they reach. An API is
    /// ready without.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    targets: Option<Vec<Reached>>,
}

/// Whether the process lives.
#[utoipa::path(get, path = "/livez", operation_id = "livez", tag = "service", security(()),
    responses((status = 200, description = "It does", body = String, content_type = "text/plain")))]
pub(crate) async fn livez() -> &'static str {
    "ok\n"
}

/// Whether the process can do its work; with a key, also each dependency and target.
///
/// Without the doorbell jobs are found by polling, a second later: this is no reason to send
/// callers elsewhere.
#[utoipa::path(get, path = "/readyz", operation_id = "readyz", tag = "service", security(()),
    responses(
        (status = 200, description = "It can", body = Readiness),
        (status = 503, description = "The ledger is away", body = Readiness),
    ))]
pub(crate) async fn readyz(State(state): State<AppState>, parts: Parts) -> (StatusCode, Json<Readiness>) {
    let seen = state.readiness().get(look(&state)).await;
    let ready = seen
        .dependencies
        .iter()
        .all(|dependency| !dependency.required || dependency.is_up());
    let status = if ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    // Probes have none.
    let principal = if parts.headers.contains_key(AUTHORIZATION) {
        let asks = state.auth().authenticate(&parts, BEARER);
        timeout(PATIENCE, asks).await.ok().and_then(Result::ok)
    } else {
        None
    };
    let answer = match principal {
        None => Readiness {
            ready,
            dependencies: None,
            targets: None,
        },
        Some(principal) => {
            let reached = seen
                .targets
                .into_iter()
                .filter(|target| principal.reaches(&target.name));
            Readiness {
                ready,
                dependencies: Some(seen.dependencies),
                targets: Some(reached.collect()),
            }
        }
    };
    (status, Json(answer))
}

async fn look(state: &AppState) -> Seen {
    let ledger = ledger(state.ledger()).await;
    let ready = ledger.is_some();
    let mut dependencies = vec![depends(Dependency::Ledger, ready, ledger, true)];
    dependencies.extend(doorbell(state));
    let workers = if ready { workers(state.ledger()).await } else { None };
    let targets = state.config().targets.iter();
    let targets = targets.map(|target| reached(target, workers.as_deref()));
    Seen {
        dependencies,
        targets: targets.collect(),
    }
}

/// Notes as metrics how the dependencies are.
pub(super) async fn note(state: &AppState) {
    ledger(state.ledger()).await;
    doorbell(state);
}

/// Asks the ledger, notes its answer as a metric, and returns how long it took; `None` without one.
async fn ledger(ledger: &Ledger) -> Option<Duration> {
    let start = Instant::now();
    let up = matches!(timeout(PATIENCE, ledger.ping()).await, Ok(Ok(())));
    let took = up.then(|| start.elapsed());
    metrics::dependency(Dependency::Ledger, up, took);
    took
}

/// Notes how the doorbell is, if it has Redis behind it.
fn doorbell(state: &AppState) -> Option<Depends> {
    state.config().doorbell.url.as_ref()?;
    let doorbell = state.doorbell().state();
    metrics::dependency(Dependency::Doorbell, doorbell.is_up(), doorbell.latency);
    Some(depends(Dependency::Doorbell, doorbell.is_up(), doorbell.latency, false))
}

/// Returns the workers that were heard of lately, if the ledger says so in time.
async fn workers(ledger: &Ledger) -> Option<Vec<WorkerRow>> {
    timeout(PATIENCE, ledger.workers(HEARD_WITHIN)).await.ok()?.ok()
}

/// Returns how a target is. No codes and no faults: they name what is outside.
fn reached(target: &Target, workers: Option<&[WorkerRow]>) -> Reached {
    let found = TargetReport::by(workers.unwrap_or_default(), &target.name);
    let stores = workers::stores(target).map(|store| (store.as_str(), found.is_up(store).map(word)));
    Reached {
        name: target.name.clone(),
        served: workers.map(|workers| {
            let serves = |route: &String| workers.iter().any(|worker| worker.routes.contains(route));
            let mut tables = target.tables.iter();
            tables.all(|table| serves(&Route::to(target, table).to_string()))
        }),
        stores: stores.collect(),
        fits: found.fits(target),
    }
}

fn depends(dependency: Dependency<'_>, up: bool, took: Option<Duration>, required: bool) -> Depends {
    Depends {
        name: dependency.label().into_owned(),
        state: word(up),
        ms: took.and_then(|took| u64::try_from(took.as_millis()).ok()),
        required,
    }
}
