//! `GET /v1/holds`.

use axum::Json;
use axum::extract::State;
use lethe_common::config::is_name;
use lethe_common::ledger::{Act, HoldRow, Object};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::answer::HoldSummary;
use super::seen::{allow, sees};
use crate::auth::Principal;
use crate::http::extract::Params;
use crate::http::page::{self, limit};
use crate::http::problem::Problem;
use crate::routes::answers::Usual;
use crate::state::AppState;

/// The default and the greatest number of holds in a page.
const LIMIT: (u32, u32) = (50, 100);

/// The page to list.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct HoldParams {
    /// `next` of the page before.
    pub(crate) after: Option<String>,
    /// The greatest number of holds to list, 1 to 100; 50 if absent.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 100)]
    pub(crate) limit: Option<String>,
    /// Whether to list holds that were released or have expired too.
    #[param(value_type = Option<bool>)]
    pub(crate) all: Option<String>,
}

/// Holds, by name.
#[derive(Serialize, ToSchema)]
pub(crate) struct HoldList {
    /// The holds.
    holds: Vec<HoldSummary>,
    /// The value of `after` for the next page; `null` on the last.
    next: Option<String>,
}

/// List holds, by name. `GET /v1/holds/{name}` adds the persons, ids or workspaces of one.
#[utoipa::path(get, path = "/v1/holds", operation_id = "listHolds", tag = "holds",
    params(HoldParams),
    responses((status = 200, description = "The holds", body = HoldList), Usual))]
pub(crate) async fn list(
    State(state): State<AppState>,
    principal: Principal,
    Params(params): Params<HoldParams>,
) -> Result<Json<HoldList>, Problem> {
    let (rows, next) = listed(&state, &principal, params).await?;
    if !rows.is_empty() {
        // They name the persons who demand them.
        state.readings().note(&principal, Act::HoldRead, Object::All).await?;
    }
    let holds = rows.into_iter().map(HoldSummary::from).collect();
    Ok(Json(HoldList { holds, next }))
}

/// Returns a page of the holds that the caller sees, and the `after` of the next page.
pub(crate) async fn listed(
    state: &AppState,
    principal: &Principal,
    params: HoldParams,
) -> Result<(Vec<HoldRow>, Option<String>), Problem> {
    allow(principal)?;
    let limit = limit(params.limit.as_deref(), LIMIT)?;
    if params.after.as_deref().is_some_and(|after| !is_name(after)) {
        return Err(Problem::invalid("after", "write the `next` of the page before"));
    }
    let all = match params.all.as_deref() {
        None | Some("false") => false,
        Some("true") => true,
        Some(_) => return Err(Problem::invalid("all", "write true or false")),
    };
    let after = params.after.unwrap_or_default();
    let rows = state.ledger().holds(&after, limit + 1, all).await?;
    let (rows, next) = page::cut(rows, limit, |row| row.name.clone());
    let seen = rows.into_iter().filter(|row| sees(principal, row));
    Ok((seen.collect(), next))
}
