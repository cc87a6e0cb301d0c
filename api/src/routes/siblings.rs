//! `/v1/siblings`: the mappings that share a collection or a table, as workers published them.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use lethe_common::config::{Scope, Sibling as Published};
use lethe_common::doorbell::Ring;
use lethe_common::ledger::{RetireOutcome, WorkerRow};
use serde::Serialize;
use utoipa::ToSchema;

use crate::auth::Principal;
use crate::http::extract::Nothing;
use crate::http::problem::{Kind, Problem};
use crate::routes::answers::{Usual, problems};
use crate::state::AppState;
use crate::workers::HEARD_WITHIN;

/// Mappings, by the collection or table that they share.
#[derive(Serialize, ToSchema)]
pub(crate) struct SiblingList {
    /// The mappings, grouped by place.
    pub(crate) siblings: Vec<Sibling>,
}

/// A mapping in a place (a collection or a table) that others may share.
#[derive(Serialize, ToSchema)]
pub(crate) struct Sibling {
    /// A hash of the place's address. Mappings with the same hash share the place.
    pub(crate) place: String,
    /// `collection`, `table`, or `owners`: the table of the owners that the mapping's rows reference.
    pub(crate) kind: &'static str,
    /// The target.
    pub(crate) target: String,
    /// The table.
    pub(crate) table: String,
    /// The number of workers with this mapping in their configuration.
    pub(crate) served_by: usize,
}

impl Sibling {
    fn new(sibling: Published, workers: &[WorkerRow]) -> Self {
        let key = sibling.key();
        Self {
            place: sibling.place,
            kind: sibling.kind.as_str(),
            target: sibling.target,
            table: sibling.table,
            served_by: workers.iter().filter(|worker| worker.siblings.contains(&key)).count(),
        }
    }
}

/// List the mappings that workers have published, by collection or table.
///
/// If scopes do not tell the memories of two mappings apart, no worker claims work for either. A mapping that no worker
/// has any more keeps the others waiting until it is retired: its memories may still be there.
#[utoipa::path(get, path = "/v1/siblings", operation_id = "listSiblings", tag = "operation",
    responses((status = 200, description = "The mappings", body = SiblingList), Usual))]
pub(crate) async fn list(State(state): State<AppState>, principal: Principal) -> Result<Json<SiblingList>, Problem> {
    listed(&state, &principal).await.map(Json)
}

/// Returns the published mappings of the targets that the caller reaches.
pub(crate) async fn listed(state: &AppState, principal: &Principal) -> Result<SiblingList, Problem> {
    principal.require(Scope::JobsRead)?;
    let workers = state.ledger().workers(HEARD_WITHIN).await?;
    let published = state.ledger().siblings().await?.published;
    let reached = published
        .into_iter()
        .filter(|sibling| principal.reaches(&sibling.target));
    Ok(SiblingList {
        siblings: reached.map(|sibling| Sibling::new(sibling, &workers)).collect(),
    })
}

problems! {
    /// The problems of mappings that are not retired.
    NotRetired {
        404 "No worker has published this mapping"
        409 "A worker has this mapping"
    }
}

/// Retire a mapping that no worker has any more, so that others in its collection or table go on.
///
/// Its memories are no longer protected. Vectors that it left in a shared collection can then be erased as orphans.
#[utoipa::path(delete, path = "/v1/siblings/{target}/{table}", operation_id = "retireSibling", tag = "operation",
    params(
        ("target" = String, Path, description = "The target's name"),
        ("table" = String, Path, description = "The table's name"),
    ),
    responses(
        (status = 204, description = "The mapping is retired"),
        NotRetired,
        Usual,
    ))]
pub(crate) async fn retire(
    State(state): State<AppState>,
    principal: Principal,
    path: Result<Path<(String, String)>, axum::extract::rejection::PathRejection>,
    Nothing: Nothing,
) -> Result<StatusCode, Problem> {
    principal.require(Scope::Admin)?;
    principal.require_all_of(None)?;
    let unknown = || Problem::new(Kind::NotFound, "no worker has published this mapping: see /v1/siblings");
    let Path((target, table)) = path.map_err(|_| unknown())?;
    // No name of a configuration has a NUL, and PostgreSQL accepts none.
    if target.contains('\0') || table.contains('\0') {
        return Err(unknown());
    }
    let retired = state
        .ledger()
        .retire_sibling(&target, &table, &principal.actor())
        .await?;
    match retired {
        RetireOutcome::Retired => {
            state.doorbell().ring(Ring::Work);
            Ok(StatusCode::NO_CONTENT)
        }
        RetireOutcome::Served => Err(Problem::new(
            Kind::StillServed,
            "a worker has this mapping: remove it from the configuration of all workers, and wait 15 seconds after they have stopped",
        )),
        RetireOutcome::Unknown => Err(unknown()),
    }
}
