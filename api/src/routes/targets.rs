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
use crate::workers::{Fault, HEARD_WITHIN, StoreHealth, TargetReport, Trouble};

/// All targets.
#[derive(Serialize, ToSchema)]
pub(crate) struct TargetList {
    /// The targets.
    pub(crate) targets: Vec<TargetAnswer>,
}

/// A SQL database and/or a vector store.
#[derive(Serialize, ToSchema)]
#[schema(as = Target)]
pub(crate) struct TargetAnswer {
    /// The name.
    pub(crate) name: String,
    /// Whether no new batch begins, because this target or everything is paused.
    pub(crate) paused: bool,
    /// The tables.
    pub(crate) tables: Vec<TableAnswer>,
    /// The health of `sql` and `vector`, as workers report it.
    pub(crate) stores: BTreeMap<String, StoreHealth>,
    /// Errors of its stores in calls of workers, since the last call that succeeded; `null`: none.
    pub(crate) trouble: Option<Trouble>,
    /// The faults of the mappings, as workers report them, and what to write instead.
    pub(crate) faults: BTreeSet<Fault>,
}

/// A table with its collection.
#[derive(Serialize, ToSchema)]
#[schema(as = Table)]
pub(crate) struct TableAnswer {
    /// The name.
    pub(crate) name: String,
    /// The stores of its memories: `sql`, `vector`.
    pub(crate) stores: Vec<&'static str>,
    /// The number of workers that serve it with this configuration; 0: jobs wait.
    pub(crate) served_by: usize,
}

/// List the targets, with their pauses and the reports of workers.
#[utoipa::path(get, path = "/v1/targets", operation_id = "listTargets", tag = "operation",
    responses((status = 200, description = "The targets", body = TargetList), Usual))]
pub(crate) async fn targets(State(state): State<AppState>, principal: Principal) -> Result<Json<TargetList>, Problem> {
    listed(&state, &principal).await.map(Json)
}

/// Returns the targets that the caller reaches.
pub(crate) async fn listed(state: &AppState, principal: &Principal) -> Result<TargetList, Problem> {
    principal.require(Scope::JobsRead)?;
    let workers = state.ledger().workers(HEARD_WITHIN).await?;
    let pauses = state.ledger().pauses().await?;
    Ok(TargetList {
        targets: told(state, principal, &pauses, &workers),
    })
}

/// Returns the targets that the caller reaches, with these pauses and the reports of these workers.
pub(crate) fn told(
    state: &AppState,
    principal: &Principal,
    pauses: &Pauses,
    workers: &[WorkerRow],
) -> Vec<TargetAnswer> {
    let targets = principal.targets(state.config());
    targets
        .into_iter()
        .map(|target| answer(target, pauses, workers))
        .collect()
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
    let TargetReport {
        stores,
        trouble,
        faults,
    } = TargetReport::by(workers, &target.name);
    TargetAnswer {
        name: target.name.clone(),
        paused: pauses.all || pauses.targets.contains(&target.name),
        tables: tables.collect(),
        stores,
        trouble,
        faults,
    }
}
