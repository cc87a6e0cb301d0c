//! `GET /v1/targets`: what the configuration says, and what workers say about it.

use std::collections::{BTreeMap, BTreeSet};

use axum::Json;
use axum::extract::State;
use lethe_common::config::{Scope, Target};
use lethe_common::ledger::{Pauses, Route, WorkerRow};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::HEARD_WITHIN;
use crate::app::AppState;
use crate::auth::Principal;
use crate::openapi::Usual;
use crate::problem::Problem;

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
    /// Whether no new batch begins, be it that this target is paused or everything.
    paused: bool,
    /// The tables.
    tables: Vec<TableAnswer>,
    /// `sql` and `vector`, as workers find them.
    stores: BTreeMap<String, StoreHealth>,
    /// What does not fit the mappings, as workers find it, and what to write instead.
    faults: BTreeSet<Fault>,
}

/// A table with its collection.
#[derive(Serialize, ToSchema)]
#[schema(as = Table)]
struct TableAnswer {
    /// The name.
    name: String,
    /// Where its memories are: `sql`, `vector`.
    stores: Vec<&'static str>,
    /// How many workers serve it with this configuration; 0: jobs wait.
    served_by: usize,
}

/// How many workers reach a store.
#[derive(Default, Serialize, ToSchema)]
struct StoreHealth {
    /// Workers that do.
    up: usize,
    /// Workers that do not.
    down: usize,
    /// Why, words of a closed list.
    codes: BTreeSet<String>,
}

/// What does not fit a mapping.
#[derive(Serialize, Deserialize, ToSchema, PartialEq, Eq, PartialOrd, Ord)]
struct Fault {
    /// The table.
    table: String,
    /// What it is.
    fault: String,
}

/// What a worker says about a target.
#[derive(Deserialize)]
struct Report {
    #[serde(default)]
    stores: BTreeMap<String, Reached>,
    #[serde(default)]
    faults: Vec<Fault>,
}

#[derive(Deserialize)]
struct Reached {
    up: bool,
    code: Option<String>,
}

/// List the targets with what is paused, and how workers find them.
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
    let mut stores: BTreeMap<String, StoreHealth> = BTreeMap::new();
    let mut faults = BTreeSet::new();
    for worker in workers {
        // A worker of another version may say it differently: then it says nothing here.
        let said = worker.targets.get(&target.name).cloned().unwrap_or_default();
        let Ok(report) = serde_json::from_value::<Report>(said) else {
            continue;
        };
        faults.extend(report.faults);
        for (store, reached) in report.stores {
            let health = stores.entry(store).or_default();
            if reached.up {
                health.up += 1;
            } else {
                health.down += 1;
            }
            health.codes.extend(reached.code);
        }
    }
    TargetAnswer {
        name: target.name.clone(),
        paused: pauses.all || pauses.targets.contains(&target.name),
        tables: tables.collect(),
        stores,
        faults,
    }
}
