//! `GET /v1/workers`.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use jiff::Timestamp;
use lethe_common::clock::from_millis;
use lethe_common::config::Scope;
use lethe_common::ledger::WorkerRow;
use serde::Serialize;
use utoipa::ToSchema;

use crate::auth::Principal;
use crate::http::problem::Problem;
use crate::routes::answers::Usual;
use crate::state::AppState;
use crate::workers::HEARD_WITHIN;

/// The workers that reported lately.
#[derive(Serialize, ToSchema)]
pub(crate) struct WorkerList {
    /// The workers.
    pub(crate) workers: Vec<Worker>,
}

/// A worker process.
#[derive(Serialize, ToSchema)]
pub(crate) struct Worker {
    /// Its name, unique per start.
    pub(crate) name: String,
    /// Its version.
    pub(crate) version: String,
    /// The number of partitions that it works on at a time.
    pub(crate) slots: u64,
    /// The mappings it serves: target, table and digest.
    pub(crate) mappings: Vec<String>,
    /// When it started.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub(crate) started_at: Option<Timestamp>,
    /// When it last reported.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub(crate) last_seen_at: Option<Timestamp>,
    /// The time of its last report with work in hand.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub(crate) last_claim_at: Option<Timestamp>,
}

impl From<WorkerRow> for Worker {
    fn from(row: WorkerRow) -> Self {
        Self {
            name: row.name,
            version: row.version,
            slots: row.slots,
            mappings: row.routes,
            started_at: from_millis(row.started_at),
            last_seen_at: from_millis(row.last_seen_at),
            last_claim_at: row.last_claim_at.and_then(from_millis),
        }
    }
}

/// List the workers that reported in the last 15 seconds.
#[utoipa::path(get, path = "/v1/workers", operation_id = "listWorkers", tag = "operation",
    responses((status = 200, description = "The workers", body = WorkerList), Usual))]
pub(crate) async fn workers(State(state): State<AppState>, principal: Principal) -> Result<Json<WorkerList>, Problem> {
    let workers = reported(&state, &principal, HEARD_WITHIN).await?;
    Ok(Json(WorkerList {
        workers: workers.into_iter().map(Worker::from).collect(),
    }))
}

/// Returns the workers whose last report is not older than `within`, each with the mappings that the caller reaches.
pub(crate) async fn reported(
    state: &AppState,
    principal: &Principal,
    within: Duration,
) -> Result<Vec<WorkerRow>, Problem> {
    principal.require(Scope::JobsRead)?;
    let mut workers = state.ledger().workers(within).await?;
    for worker in &mut workers {
        let reached = |route: &String| principal.reaches(route.split('/').next().unwrap_or_default());
        worker.routes.retain(reached);
    }
    Ok(workers)
}
