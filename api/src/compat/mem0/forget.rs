//! mem0's deletions: of a memory, of a batch, of everything of somebody.

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use lethe_common::job::{JobId, StoreKind, Subject};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::Errors;
use crate::compat::bodiless::NoBody;
use crate::compat::erase::{Asked, Done, Erasure, Place, What, erased};
use crate::compat::read::{Caller, InPath, Query};
use crate::http::body::{self, Incoming};
use crate::http::json;
use crate::http::object::Object;
use crate::http::problem::{Kind, Problem};
use crate::state::AppState;

/// The most memories of one batch, as mem0 has it.
const BATCH: usize = 1_000;

/// What mem0's clients say of their account with every request; there are no accounts here.
const ACCOUNT: [&str; 2] = ["org_id", "project_id"];

/// What a deletion is answered with.
#[derive(Serialize, ToSchema)]
#[schema(as = Mem0Deleted)]
pub(crate) struct Deleted {
    /// What was done.
    #[schema(example = "Memory deleted successfully!")]
    message: String,
}

/// What a deletion that goes on is answered with.
#[derive(Serialize, ToSchema)]
#[schema(as = Mem0Deleting)]
pub(crate) struct Deleting {
    /// Always the same.
    #[schema(example = "Delete in progress. This may take some time.")]
    message: &'static str,
    /// The job, to be asked for as an event.
    event_id: Uuid,
}

/// Several memories.
// A condition that is ignored would widen the deletion.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Mem0Batch)]
pub(crate) struct Batch {
    /// The memories, at most 1,000.
    #[schema(value_type = Vec<BatchEntry>, min_items = 1, max_items = 1_000)]
    memories: Vec<Object<BatchEntry>>,
}

/// One of them.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Mem0BatchEntry)]
pub(crate) struct BatchEntry {
    /// The memory's id.
    memory_id: Uuid,
}

/// Delete a memory.
#[utoipa::path(
    delete,
    path = "/v1/memories/{memory_id}/",
    operation_id = "mem0DeleteMemory",
    tag = "mem0",
    security(("token" = []), ("bearer" = [])),
    params(
        ("memory_id" = Uuid, Path, description = "The memory's id"),
        ("delete_linked" = Option<bool>, Query, description = "Refused where it is true"),
    ),
    responses(
        (status = 200, description = "Deleted, in both stores", body = Deleted,
            example = json!({"message": "Memory deleted successfully!"})),
        Errors,
    ),
)]
pub(crate) async fn delete_memory(
    State(state): State<AppState>,
    Caller(principal): Caller,
    InPath(id): InPath<String>,
    query: Query,
    headers: HeaderMap,
    NoBody: NoBody,
) -> Result<Response, Problem> {
    query.only(&["delete_linked", "org_id", "project_id"])?;
    if linked(&query)? {
        // What it superseded is not known here: to say that it went too would be a lie.
        let detail = "delete_linked is not supported: delete what this memory superseded by its ids";
        return Err(Problem::new(Kind::Malformed, detail));
    }
    let Ok(id) = Uuid::try_parse(&id) else {
        return Err(Problem::new(Kind::Malformed, "memory_id should be a valid UUID"));
    };
    let asked = Asked {
        state: &state,
        principal: &principal,
        headers: &headers,
        route: "DELETE /v1/memories/{memory_id}/",
        section: Some("mem0"),
        words: &[("select.ids[0]", "memory_id")],
    };
    let what = What::Ids(vec![id.to_string()]);
    match asked.erase(place(&state), what).await? {
        Erasure::Done(done) if erased(&done.job) == 0 => {
            Err(Problem::new(Kind::NotFound, "Memory not found!").about(done.job.id))
        }
        Erasure::Done(done) => Ok(deleted(&done, "Memory deleted successfully!".to_owned())),
        Erasure::Later(response) => Ok(response),
    }
}

/// Delete several memories; those that are not there do not matter.
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
    let mut incoming = Incoming::new(body, state.config().api.max_body);
    let ids = read(&state, &headers, &mut incoming).await;
    let ids = incoming.settle(&headers, ids).await?;
    let asked = Asked {
        state: &state,
        principal: &principal,
        headers: &headers,
        route: "DELETE /v1/batch/",
        section: Some("mem0"),
        words: &[("select.ids", "memories")],
    };
    let place = place(&state);
    match asked.erase(place, What::Ids(ids)).await? {
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

/// Delete all memories of a user, an agent, an application or a run; all that are given must match.
#[utoipa::path(
    delete,
    path = "/v1/memories/",
    operation_id = "mem0DeleteMemories",
    tag = "mem0",
    security(("token" = []), ("bearer" = [])),
    params(
        ("user_id" = Option<String>, Query, min_length = 1, description = "The user"),
        ("agent_id" = Option<String>, Query, min_length = 1, description = "The agent"),
        ("app_id" = Option<String>, Query, min_length = 1, description = "The application"),
        ("run_id" = Option<String>, Query, min_length = 1, description = "The run"),
    ),
    responses(
        (status = 200, description = "Accepted; the event says how far it is", body = Deleting,
            example = json!({
                "message": "Delete in progress. This may take some time.", "event_id": "0198f3a2-6a1c-7b60-9d2e-5a3c1f0e8b47",
            })),
        Errors,
    ),
)]
pub(crate) async fn delete_memories(
    State(state): State<AppState>,
    Caller(principal): Caller,
    query: Query,
    headers: HeaderMap,
    NoBody: NoBody,
) -> Result<Response, Problem> {
    // A filter that is not understood must not widen the deletion to all of somebody.
    query.only(&["user_id", "agent_id", "app_id", "run_id", "org_id", "project_id"])?;
    let subject = Subject {
        user_id: query.owner("user_id")?,
        aliases: Vec::new(),
        agent_id: query.owner("agent_id")?,
        app_id: query.owner("app_id")?,
        run_id: query.owner("run_id")?,
        workspace: None,
    };
    if subject.is_empty() {
        return Err(Problem::new(Kind::Malformed, "At least one identifier is required."));
    }
    let asked = Asked {
        state: &state,
        principal: &principal,
        headers: &headers,
        route: "DELETE /v1/memories/",
        section: Some("mem0"),
        words: &[("select.subject.", "")],
    };
    forget(asked, subject).await
}

/// Delete a user, an agent, an application or a run: all memories of it.
#[utoipa::path(
    delete,
    path = "/v2/entities/{entity_type}/{entity_id}/",
    operation_id = "mem0DeleteEntity",
    tag = "mem0",
    security(("token" = []), ("bearer" = [])),
    params(
        ("entity_type" = String, Path, description = "`user`, `agent`, `app` or `run`"),
        ("entity_id" = String, Path, description = "Its id"),
        ("delete_linked" = Option<bool>, Query, description = "Of no effect: all memories of the entity go"),
    ),
    responses(
        (status = 200, description = "Accepted; the event says how far it is", body = Deleting,
            example = json!({
                "message": "Delete in progress. This may take some time.", "event_id": "0198f3a2-6a1c-7b60-9d2e-5a3c1f0e8b47",
            })),
        Errors,
    ),
)]
pub(crate) async fn delete_entity(
    State(state): State<AppState>,
    Caller(principal): Caller,
    InPath((kind, id)): InPath<(String, String)>,
    query: Query,
    headers: HeaderMap,
    NoBody: NoBody,
) -> Result<Response, Problem> {
    query.only(&["delete_linked", "org_id", "project_id"])?;
    linked(&query)?;
    let mut subject = Subject::default();
    let field = match kind.as_str() {
        "user" => &mut subject.user_id,
        "agent" => &mut subject.agent_id,
        "app" => &mut subject.app_id,
        "run" => &mut subject.run_id,
        _ => {
            let detail = "entity_type should be one of user, agent, app and run";
            return Err(Problem::new(Kind::Malformed, detail));
        }
    };
    *field = Some(id);
    let asked = Asked {
        state: &state,
        principal: &principal,
        headers: &headers,
        route: "DELETE /v2/entities/{entity_type}/{entity_id}/",
        section: Some("mem0"),
        words: &[("select.subject.", "")],
    };
    forget(asked, subject).await
}

async fn forget(asked: Asked<'_>, subject: Subject) -> Result<Response, Problem> {
    let place = place(asked.state);
    let accepted = |job: JobId| {
        Json(Deleting {
            message: "Delete in progress. This may take some time.",
            event_id: job.0,
        })
    };
    asked.accept(place, What::Subject(subject), accepted).await
}

/// Reads whether what a memory superseded is to go too.
fn linked(query: &Query) -> Result<bool, Problem> {
    // As Python and JavaScript write it.
    match query.one("delete_linked")? {
        None | Some("" | "false" | "False" | "0") => Ok(false),
        Some("true" | "True" | "1") => Ok(true),
        Some(_) => Err(Problem::invalid("delete_linked", "write true or false")),
    }
}

fn place(state: &AppState) -> Place {
    Place::from(&state.config().compat.mem0)
}

/// Reads the ids of a batch.
async fn read(state: &AppState, headers: &HeaderMap, incoming: &mut Incoming) -> Result<Vec<String>, Problem> {
    body::json_only(headers)?;
    let within = state.config().api.request_timeout;
    let bytes = incoming.whole(headers, state.places(), within).await?;
    let Object(batch): Object<Batch> = json::read(&bytes)?;
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

/// Returns how many memories a batch has erased: those in one store only count like those in both.
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

fn deleted(done: &Done, message: String) -> Response {
    done.answer(Json(Deleted { message }))
}
