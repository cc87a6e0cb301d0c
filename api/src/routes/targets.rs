//! `GET /v1/targets`: the configured targets, and the reports of workers about them.

use std::collections::{BTreeMap, BTreeSet};

use axum::Json;
use axum::extract::State;
use lethe_common::config::{Scope, Target};
use lethe_common::ledger::{Pauses, Route, WorkerRow};
use serde::Serialize;
use utoipa::ToSchema;

use crate::auth::Principal;
use crate::http::problem::Problem;
use crate::routes::answers::Usual;
use crate::state::AppState;
use crate::workers::{Fault, HEARD_WITHIN, StoreHealth, TargetReport};

/// All targets.
#[derive(Serialize, ToSchema)]
pub(crate) struct TargetList {
    /// The targets.
    targets: Vec<TargetAnswer>,
}

/// A SQL database and/or a vector store.
#[derive(Serialize, ToSchema)]
#[schema(as = Target)]
struct TargetAnswer {
    /// The name.
    name: String,
    /// Whether no new batch begins, because this target or everything is paused.
    paused: bool,
    /// The tables.
    tables: Vec<TableAnswer>,
    /// The health of `sql` and `vector`, as workers report it.
    stores: BTreeMap<String, StoreHealth>,
    /// The faults of the mappings, as workers report them, and what to write instead.
    faults: BTreeSet<Fault>,
}

/// A table with its collection.
#[derive(Serialize, ToSchema)]
#[schema(as = Table)]
struct TableAnswer {
    /// The name.
    name: String,
    /// The stores of its memories: `sql`, `vector`.
    stores: Vec<&'static str>,
    /// The number of workers that serve it with this configuration; 0: jobs wait.
    served_by: usize,
}

/// List the targets, with their pauses and the reports of workers.
#[utoipa::path(get, path = "/v1/targets", operation_id = "listTargets", tag = "operation",
    responses((status = 200, description = "The targets", body = TargetList), Usual))]
pub(crate) async fn targets(State(state): State<AppState>, principal: Principal) -> Result<Json<TargetList>, Problem> {
    principal.require(Scope::JobsRead)?;
    let workers = state.ledger().workers(HEARD_WITHIN).await?;
    let pauses = state.ledger().pauses().await?;
    let targets = principal.targets(state.config());
    Ok(Json(TargetList {
        targets: targets
            .into_iter()
            .map(|target| answer(target, &pauses, &workers))
            .collect(),
    }))
}

fn answer(target: &Target, pauses: &Pauses, workers: &[WorkerRow]) -> TargetAnswer {
    let tables = target.tables.iter().map(|table| {
        let route = Route::to(target, table).to_string();
        TableAnswer {
            name: table.name.clone(),
            stores: table
                .stores()
                .into_iter()
                .map(lethe_common::job::StoreKind::as_str)
                .collect(),
            served_by: workers.iter().filter(|worker| worker.routes.contains(&route)).count(),
        }
    });
    let TargetReport { stores, faults } = TargetReport::by(workers, &target.name);
    TargetAnswer {
        name: target.name.clone(),
        paused: pauses.all || pauses.targets.contains(&target.name),
        tables: tables.collect(),
        stores,
        faults,
    }
}
