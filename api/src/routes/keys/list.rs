//! `GET /v1/keys`.

use axum::Json;
use axum::extract::State;
use lethe_common::config::is_name;
use lethe_common::ledger::{Act, Object};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::allowed::allow;
use super::answer::KeyAnswer;
use crate::auth::Principal;
use crate::http::extract::Params;
use crate::http::page::{self, limit};
use crate::http::problem::Problem;
use crate::routes::answers::Usual;
use crate::state::AppState;

/// The default and the greatest number of keys in a page.
const LIMIT: (u32, u32) = (200, 1_000);

/// Keys, by name.
#[derive(Serialize, ToSchema)]
pub(crate) struct KeyList {
    /// The keys.
    pub(crate) keys: Vec<KeyAnswer>,
    /// The value of `after` for the next page; `null` on the last.
    pub(crate) next: Option<String>,
}

/// The page to list.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct KeyParams {
    /// `next` of the page before.
    pub(crate) after: Option<String>,
    /// The greatest number of keys to list, 1 to 1000; 200 if absent.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 1_000)]
    pub(crate) limit: Option<String>,
}

/// List the API keys that Lethe made, by name. Keys of the configuration are not among them.
#[utoipa::path(get, path = "/v1/keys", operation_id = "listKeys", tag = "keys",
    params(KeyParams),
    responses((status = 200, description = "The keys", body = KeyList), Usual))]
pub(crate) async fn list(
    State(state): State<AppState>,
    principal: Principal,
    Params(params): Params<KeyParams>,
) -> Result<Json<KeyList>, Problem> {
    let list = listed(&state, &principal, params).await?;
    if !list.keys.is_empty() {
        state.readings().note(&principal, Act::KeyList, Object::All).await?;
    }
    Ok(Json(list))
}

/// Returns keys to a caller that may manage them. An answer that names their persons has to be noted.
pub(crate) async fn listed(state: &AppState, principal: &Principal, params: KeyParams) -> Result<KeyList, Problem> {
    allow(principal)?;
    let limit = limit(params.limit.as_deref(), LIMIT)?;
    if params.after.as_deref().is_some_and(|after| !is_name(after)) {
        return Err(Problem::invalid("after", "write the `next` of the page before"));
    }
    let after = params.after.unwrap_or_default();
    let rows = state.ledger().keys(&after, limit + 1).await?;
    let (rows, next) = page::cut(rows, limit, |row| row.key.name.clone());
    let keys = rows.into_iter().map(KeyAnswer::from).collect();
    Ok(KeyList { keys, next })
}
