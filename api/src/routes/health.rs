//! `/livez` and `/readyz`. Without credentials the answer says only whether the process is ready. No answer names
//! anything outside Lethe.

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

/// The time limit for the ledger's answer; probes usually give up after a few seconds.
const PATIENCE: Duration = Duration::from_secs(2);

/// Whether this process can do its work.
#[derive(Serialize, ToSchema)]
pub(crate) struct Readiness {
    /// Whether requests can be answered.
    ready: bool,
    /// The dependencies of this process. Only for callers with credentials.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    dependencies: Option<Vec<Depends>>,
    /// Whether workers can process jobs, per target, as workers report it. Only for callers with credentials, and only
    /// targets that they reach. Targets do not affect `ready`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    targets: Option<Vec<Reached>>,
}

/// Check whether the process lives.
#[utoipa::path(get, path = "/livez", operation_id = "livez", tag = "service", security(()),
    responses((status = 200, description = "The process lives", body = String, content_type = "text/plain")))]
pub(crate) async fn livez() -> &'static str {
    "ok\n"
}

/// Check whether the process can do its work. With credentials also list each dependency and target.
///
/// Without the doorbell workers find jobs by polling, a second later. So the doorbell does not affect readiness.
#[utoipa::path(get, path = "/readyz", operation_id = "readyz", tag = "service", security(()),
    responses(
        (status = 200, description = "The process can do its work", body = Readiness),
        (status = 503, description = "The ledger does not answer, or lacks migrations", body = Readiness),
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
    // Probes send no credentials.
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
    let ledger = ledger(state.ledger(), PATIENCE).await;
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

/// Checks the dependencies, and sets their metrics. Returns whether the ledger answers within a time limit.
pub(super) async fn note(state: &AppState, patience: Duration) -> bool {
    doorbell(state);
    ledger(state.ledger(), patience).await.is_some()
}

/// Pings the ledger, sets its metric, and returns the time that it took; `None` without an answer, and until this
/// process may use the tables.
async fn ledger(ledger: &Ledger, patience: Duration) -> Option<Duration> {
    let start = Instant::now();
    let up = ledger.is_migrated() && matches!(timeout(patience, ledger.ping()).await, Ok(Ok(())));
    let took = up.then(|| start.elapsed());
    metrics::dependency(Dependency::Ledger, up, took);
    took
}

/// Sets the metric of the doorbell, and returns its state; `None` if it has no Redis.
fn doorbell(state: &AppState) -> Option<Depends> {
    state.config().doorbell.url.as_ref()?;
    let doorbell = state.doorbell().state();
    metrics::dependency(Dependency::Doorbell, doorbell.is_up(), doorbell.latency);
    Some(depends(Dependency::Doorbell, doorbell.is_up(), doorbell.latency, false))
}

/// Returns the workers that reported lately, if the ledger answers in time.
async fn workers(ledger: &Ledger) -> Option<Vec<WorkerRow>> {
    timeout(PATIENCE, ledger.workers(HEARD_WITHIN)).await.ok()?.ok()
}

/// Returns the state of a target, without codes and faults: these name things outside Lethe.
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
