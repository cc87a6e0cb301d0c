//! `GET /v1/workers`.

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
    workers: Vec<Worker>,
}

/// A worker process.
#[derive(Serialize, ToSchema)]
struct Worker {
    /// Its name, unique per start.
    name: String,
    /// Its version.
    version: String,
    /// The number of partitions that it works on at a time.
    slots: u64,
    /// The mappings it serves: target, table and digest.
    mappings: Vec<String>,
    /// When it started.
    #[schema(value_type = Option<String>, format = DateTime)]
    started_at: Option<Timestamp>,
    /// When it last reported.
    #[schema(value_type = Option<String>, format = DateTime)]
    last_seen_at: Option<Timestamp>,
    /// The time of its last report with work in hand.
    #[schema(value_type = Option<String>, format = DateTime)]
    last_claim_at: Option<Timestamp>,
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
    principal.require(Scope::JobsRead)?;
    let workers = state.ledger().workers(HEARD_WITHIN).await?;
    Ok(Json(WorkerList {
        workers: workers
            .into_iter()
            .map(|mut row| {
                let reached = |route: &String| principal.reaches(route.split('/').next().unwrap_or_default());
                row.routes.retain(reached);
                Worker::from(row)
            })
            .collect(),
    }))
}
