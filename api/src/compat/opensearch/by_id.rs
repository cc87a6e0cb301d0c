//! Deleting a memory by its type and id.

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use lethe_common::config::{Bounds, Scope};
use lethe_common::ledger::probe_of;

use super::answer::{Deleted, Errors};
use super::bodiless::NoBody;
use super::place::{self, MappedContainer};
use super::values::{WrittenParams, only};
use crate::auth::{Denied, Principal};
use crate::compat::erase::Asked;
use crate::compat::outcome::{Done, Erasure, erased};
use crate::compat::read::{Caller, InPath, Query};
use crate::compat::wanted::{MemoryScope, What};
use crate::http::problem::{Kind, Problem};
use crate::state::AppState;

/// Delete a memory by its type and id.
#[utoipa::path(
    delete,
    path = "/_plugins/_ml/memory_containers/{memory_container_id}/memories/{type}/{id}",
    operation_id = "openSearchDeleteMemory",
    tag = "opensearch",
    security(("basic" = []), ("bearer" = [])),
    params(
        ("memory_container_id" = String, Path, description = "The container: a target, or a workspace"),
        ("type" = String, Path, description = "`sessions`, `working`, `long-term` or `history`"),
        ("id" = String, Path, description = "The memory's id"),
        WrittenParams,
    ),
    responses((status = 200, description = "Deleted, in both stores", body = Deleted), Errors),
)]
pub(crate) async fn delete_memory(
    State(state): State<AppState>,
    Caller(principal): Caller,
    InPath((container, kind, id)): InPath<(String, String, String)>,
    query: Query,
    headers: HeaderMap,
    NoBody: NoBody,
) -> Result<Response, Problem> {
    only(&query, &[])?;
    let there = place::find(state.config(), &principal, &container, &kind)?;
    let place = MemoryScope {
        owner: owner(&principal)?,
        ..at(&there)
    };
    let owned = place.owner.is_some();
    let table = there.table.name.clone();
    let asked = Asked {
        state: &state,
        principal: &principal,
        headers: &headers,
        route: "DELETE /_plugins/_ml/memory_containers/{memory_container_id}/memories/{type}/{id}",
        section: None,
        words: &[("select.ids[0]", "id"), ("workspace", "memory_container_id")],
    };
    let what = What::Ids(vec![id.clone()], None);
    match asked.erase(place, what).await? {
        Erasure::Done(Done { job, .. }) if erased(&job) == 0 => {
            let everybodys = MemoryScope {
                workspace: principal.workspace(there.workspace.as_deref())?,
                ..at(&there)
            };
            let strangers = async || strangers(asked, everybodys, id).await;
            let about = |problem: Problem| problem.about(job.id);
            let problem = if owned && strangers().await.map_err(about)? {
                Problem::new(Kind::Forbidden, "User doesn't have permissions to delete this memory")
            } else {
                Problem::new(Kind::NotFound, "Memory not found")
            };
            Err(problem.about(job.id))
        }
        Erasure::Done(done) => Ok(done.answer(Json(Deleted::new(&done.job, id, table)))),
        Erasure::Later(response) => Ok(response),
    }
}

/// Returns the conditions of a deletion, without the owner.
pub(super) fn at(there: &MappedContainer<'_>) -> MemoryScope {
    MemoryScope {
        target: Some(there.target.name.clone()),
        table: Some(there.table.name.clone()),
        workspace: there.workspace.clone(),
        kind: there.kind.map(str::to_owned),
        owner: None,
    }
}

/// Returns the owner condition. This API names no owner, so callers that must name one are refused.
pub(super) fn owner(principal: &Principal) -> Result<Option<String>, Problem> {
    match principal.owner(None) {
        Err(Denied::OwnerNeeded) => Err(Problem::new(
            Kind::Forbidden,
            "User doesn't have permissions to delete memories in this container",
        )),
        owner => Ok(owner?),
    }
}

/// Returns whether the memory belongs to another owner. OpenSearch reveals this to callers with access to the
/// container.
// The API never queries a store. A dry run by a principal without an owner searches instead.
async fn strangers(asked: Asked<'_>, place: MemoryScope, id: String) -> Result<bool, Problem> {
    let name = probe_of(&asked.principal.name);
    let probe = Principal::new(&name, [Scope::MemoriesDeleteAny], Bounds::default());
    asked.finds(&probe, place, What::Ids(vec![id], None)).await
}
