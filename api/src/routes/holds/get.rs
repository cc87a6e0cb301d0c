//! `GET /v1/holds/{name}`.

use axum::Json;
use axum::extract::State;
use lethe_common::ledger::{Act, Object};

use super::answer::Hold;
use super::seen;
use crate::auth::Principal;
use crate::http::extract::NamePath;
use crate::http::problem::Problem;
use crate::routes::answers::{NoHold, Usual};
use crate::state::AppState;

/// Read a hold, with the persons, ids or workspaces that it names.
#[utoipa::path(get, path = "/v1/holds/{name}", operation_id = "getHold", tag = "holds",
    params(("name" = String, Path, description = "The hold's name")),
    responses(
        (status = 200, description = "The hold", body = Hold),
        NoHold,
        Usual,
    ))]
pub(crate) async fn get(
    State(state): State<AppState>,
    principal: Principal,
    NamePath(name): NamePath,
) -> Result<Json<Hold>, Problem> {
    let row = seen::visible(&state, &principal, &name).await?;
    state
        .readings()
        .note(&principal, Act::HoldRead, Object::Hold(&name))
        .await?;
    Ok(Json(row.into()))
}
