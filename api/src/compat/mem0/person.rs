//! mem0's deletions of all memories of a subject.

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use lethe_common::job::{JobId, Subject};
use serde::Serialize;
use utoipa::{IntoResponses, ToSchema};
use uuid::Uuid;

use super::asked::{linked, place};
use super::error::Errors;
use crate::compat::bodiless::NoBody;
use crate::compat::erase::Asked;
use crate::compat::read::{Caller, InPath, Query};
use crate::compat::wanted::What;
use crate::http::problem::{Kind, Problem};
use crate::state::AppState;

/// The body of the answer to an accepted deletion.
#[derive(Serialize, ToSchema)]
#[schema(as = Mem0Deleting)]
pub(crate) struct Deleting {
    /// A fixed message.
    #[schema(example = "Delete in progress. This may take some time.")]
    message: &'static str,
    /// The job's id, which is also the event's id.
    event_id: Uuid,
}

/// The answer to an accepted deletion.
#[derive(IntoResponses)]
#[response(
    status = 200,
    description = "Accepted. The event shows the progress",
    example = json!({
        "message": "Delete in progress. This may take some time.", "event_id": "0198f3a2-6a1c-7b60-9d2e-5a3c1f0e8b47",
    }),
)]
#[expect(dead_code, reason = "only for the document")]
struct Begun(Deleting);

/// Delete all memories of a user, an agent, an application or a run. All given fields must match.
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
        Begun,
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
    // An unknown filter must not widen the deletion to all memories of the subject.
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

/// Delete all memories of one user, agent, application or run.
#[utoipa::path(
    delete,
    path = "/v2/entities/{entity_type}/{entity_id}/",
    operation_id = "mem0DeleteEntity",
    tag = "mem0",
    security(("token" = []), ("bearer" = [])),
    params(
        ("entity_type" = String, Path, description = "`user`, `agent`, `app` or `run`"),
        ("entity_id" = String, Path, description = "Its id"),
        ("delete_linked" = Option<bool>, Query, description = "Has no effect: all memories of the entity are deleted"),
    ),
    responses(
        Begun,
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
