//! mem0's deletion of a batch.

use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use lethe_common::job::StoreKind;
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::asked::{Deleted, deleted, place};
use super::error::Errors;
use crate::compat::erase::Asked;
use crate::compat::outcome::{Done, Erasure};
use crate::compat::read::{Caller, Query};
use crate::compat::wanted::What;
use crate::http::body;
use crate::http::object::Object;
use crate::http::problem::{Kind, Problem};
use crate::state::AppState;

/// mem0's limit of memories per batch.
const BATCH: usize = 1_000;

/// The account parameters that mem0's clients always send. Lethe has no accounts and ignores them.
const ACCOUNT: [&str; 2] = ["org_id", "project_id"];

/// The memories to delete.
// An ignored condition would widen the deletion.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Mem0Batch)]
pub(crate) struct Batch {
    /// The memories, at most 1,000.
    #[schema(value_type = Vec<BatchEntry>, min_items = 1, max_items = 1_000)]
    memories: Vec<Object<BatchEntry>>,
}

/// One memory of a batch.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Mem0BatchEntry)]
pub(crate) struct BatchEntry {
    /// The memory's id.
    memory_id: Uuid,
}

/// Delete several memories. Absent memories are skipped.
#[utoipa::path(
    delete,
    path = "/v1/batch/",
    operation_id = "mem0DeleteBatch",
    tag = "mem0",
    security(("token" = []), ("bearer" = [])),
    request_body = Batch,
    responses(
        (status = 200, description = "Deleted, in both stores", body = Deleted,
            example = json!({"message": "Successfully deleted 2 memories"})),
        Errors,
    ),
)]
pub(crate) async fn delete_batch(
    State(state): State<AppState>,
    Caller(principal): Caller,
    query: Query,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    query.only(&ACCOUNT)?;
    let (batch, held) = body::object(
        principal.require_erasing(),
        &headers,
        body,
        &state.config().api,
        &state.places().of(&principal.name),
    )
    .await?;
    let ids = ids(batch)?;
    let asked = Asked {
        state: &state,
        principal: &principal,
        headers: &headers,
        route: "DELETE /v1/batch/",
        section: Some("mem0"),
        words: &[("select.ids", "memories")],
    };
    let place = place(&state);
    match asked.erase(place, What::Ids(ids, Some(held))).await? {
        Erasure::Done(done) => {
            let message = format!(
                "Successfully deleted {} memories",
                erased_each_once(&state, &done).await?
            );
            Ok(deleted(&done, message))
        }
        Erasure::Later(response) => Ok(response),
    }
}

/// Returns the ids of a batch.
fn ids(batch: Batch) -> Result<Vec<String>, Problem> {
    match batch.memories.len() {
        0 => Err(Problem::invalid("memories", "give at least one memory")),
        1..=BATCH => Ok(batch
            .memories
            .into_iter()
            .map(|Object(entry)| entry.memory_id.to_string())
            .collect()),
        _ => Err(Problem::new(
            Kind::Malformed,
            "Maximum of 1000 memories can be deleted in a single request",
        )),
    }
}

/// Returns how many memories a batch has erased. A memory in one store counts like a memory in both.
async fn erased_each_once(state: &AppState, done: &Done) -> Result<u64, Problem> {
    let job = &done.job;
    let of = |kind: StoreKind| {
        let store = job.stores.iter().find(|store| store.store == kind);
        store.map(|store| store.counts.get("erased").copied().unwrap_or(0))
    };
    match (of(StoreKind::Sql), of(StoreKind::Vector)) {
        (Some(rows), None | Some(0)) => Ok(rows),
        (None, vectors) => Ok(vectors.unwrap_or(0)),
        (Some(rows), Some(_)) => {
            let others = state.ledger().erased_as_vectors_only(job.id).await;
            Ok(rows + others.map_err(|error| Problem::from(error).about(job.id))?)
        }
    }
}
