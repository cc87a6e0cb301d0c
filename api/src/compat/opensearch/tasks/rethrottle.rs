//! Changing the pace of a deletion by query.

use axum::Json;
use axum::extract::State;
use lethe_common::ledger::ThrottleOutcome;

use super::seen::{group_by, one, task};
use crate::compat::opensearch::answer::Refused;
use crate::compat::opensearch::bodiless::NoBody;
use crate::compat::opensearch::task::{TaskId, Tasks, absent};
use crate::compat::opensearch::values::{self, WrittenParams, illegal};
use crate::compat::read::{Caller, InPath, Query};
use crate::http::problem::Problem;
use crate::job::changed;
use crate::state::AppState;

/// Change the pace of a deletion by query.
#[utoipa::path(
    post,
    path = "/_delete_by_query/{task_id}/_rethrottle",
    operation_id = "openSearchRethrottle",
    tag = "opensearch",
    security(("basic" = []), ("bearer" = [])),
    params(
        ("task_id" = String, Path, description = "The task's id"),
        ("requests_per_second" = f64, Query, description = "The most memories per second. -1 means no limit"),
        ("group_by" = Option<String>, Query, description = "`nodes`, `parents` or `none`"),
        WrittenParams,
    ),
    responses((status = 200, description = "It has this pace within a second", body = Tasks), Refused),
)]
pub(crate) async fn rethrottle(
    State(state): State<AppState>,
    Caller(principal): Caller,
    InPath(id): InPath<String>,
    query: Query,
    NoBody: NoBody,
) -> Result<Json<Tasks>, Problem> {
    values::only(&query, &["group_by", "requests_per_second"])?;
    let per_second = values::requests_per_second(&query)?;
    let per_second = per_second.ok_or_else(|| illegal("requests_per_second is a required parameter"))?;
    let group_by = group_by(&query)?;
    let job = task(&state, &principal, &id).await?;
    principal.require_control(&job)?;
    let changed = state.ledger().throttle(job.id, per_second, &principal.actor()).await?;
    match changed {
        ThrottleOutcome::Accepted => {
            changed::ring(&state, job.id);
        }
        ThrottleOutcome::Ended(_) | ThrottleOutcome::Unknown => return Err(absent(&TaskId(job.id).text())),
    }
    let job = task(&state, &principal, &id).await?;
    one(&state, job, group_by).await
}

/// Change the pace of a deletion by query, by the path for a reindex. OpenSearch has one handler for three paths.
#[utoipa::path(
    post,
    path = "/_reindex/{task_id}/_rethrottle",
    operation_id = "openSearchRethrottleReindex",
    tag = "opensearch",
    security(("basic" = []), ("bearer" = [])),
    params(
        ("task_id" = String, Path, description = "The task's id"),
        ("requests_per_second" = f64, Query, description = "The most memories per second. -1 means no limit"),
        ("group_by" = Option<String>, Query, description = "`nodes`, `parents` or `none`"),
        WrittenParams,
    ),
    responses((status = 200, description = "It has this pace within a second", body = Tasks), Refused),
)]
pub(crate) async fn rethrottle_reindex(
    state: State<AppState>,
    caller: Caller,
    id: InPath<String>,
    query: Query,
    body: NoBody,
) -> Result<Json<Tasks>, Problem> {
    rethrottle(state, caller, id, query, body).await
}

/// Change the pace of a deletion by query, by the path for an update by query.
#[utoipa::path(
    post,
    path = "/_update_by_query/{task_id}/_rethrottle",
    operation_id = "openSearchRethrottleUpdate",
    tag = "opensearch",
    security(("basic" = []), ("bearer" = [])),
    params(
        ("task_id" = String, Path, description = "The task's id"),
        ("requests_per_second" = f64, Query, description = "The most memories per second. -1 means no limit"),
        ("group_by" = Option<String>, Query, description = "`nodes`, `parents` or `none`"),
        WrittenParams,
    ),
    responses((status = 200, description = "It has this pace within a second", body = Tasks), Refused),
)]
pub(crate) async fn rethrottle_update(
    state: State<AppState>,
    caller: Caller,
    id: InPath<String>,
    query: Query,
    body: NoBody,
) -> Result<Json<Tasks>, Problem> {
    rethrottle(state, caller, id, query, body).await
}
