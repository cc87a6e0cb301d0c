//! `GET /v1/schedules`.

use axum::Json;
use axum::extract::State;
use lethe_common::config::is_name;
use lethe_common::ledger::{Act, MarkFilter, Object, ScheduleRow};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::answer::Schedule;
use super::seen::sees;
use crate::auth::Principal;
use crate::deletion::request;
use crate::http::extract::Params;
use crate::http::page::{self, limit};
use crate::http::problem::Problem;
use crate::routes::answers::Usual;
use crate::state::AppState;

/// The default and the greatest number of schedules in a page: each may name many ids.
const LIMIT: (u32, u32) = (50, 200);

/// The page to list.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ScheduleParams {
    /// Only schedules whose jobs have this reference.
    reference: Option<String>,
    /// Only schedules whose jobs have this label: its key, a colon and its value, such as `team:privacy`.
    label: Option<String>,
    /// `next` of the page before.
    after: Option<String>,
    /// The greatest number of schedules to list, 1 to 200; 50 if absent.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 200)]
    limit: Option<String>,
}

/// Schedules, by name.
#[derive(Serialize, ToSchema)]
pub(crate) struct ScheduleList {
    /// The schedules.
    schedules: Vec<Schedule>,
    /// The value of `after` for the next page; `null` on the last.
    next: Option<String>,
}

/// List schedules, by name: the caller's own, and with the scope `jobs:read` those of other callers.
#[utoipa::path(get, path = "/v1/schedules", operation_id = "listSchedules", tag = "schedules",
    params(ScheduleParams),
    responses((status = 200, description = "The schedules", body = ScheduleList), Usual))]
pub(crate) async fn list(
    State(state): State<AppState>,
    principal: Principal,
    Params(params): Params<ScheduleParams>,
) -> Result<Json<ScheduleList>, Problem> {
    let (rows, next) = listed(&state, &principal, params).await?;
    let rows = rows.into_iter().map(Schedule::try_from);
    let schedules: Vec<_> = rows.collect::<Result<_, _>>()?;
    if !schedules.is_empty() {
        state
            .readings()
            .note(&principal, Act::ScheduleRead, Object::All)
            .await?;
    }
    Ok(Json(ScheduleList { schedules, next }))
}

/// Returns a page of the schedules that the caller sees, and the `after` of the next page. Schedules may name ids and
/// persons: showing their jobs needs an audit event.
pub(crate) async fn listed(
    state: &AppState,
    principal: &Principal,
    params: ScheduleParams,
) -> Result<(Vec<ScheduleRow>, Option<String>), Problem> {
    let limit = limit(params.limit.as_deref(), LIMIT)?;
    if params.after.as_deref().is_some_and(|after| !is_name(after)) {
        return Err(Problem::invalid("after", "write the `next` of the page before"));
    }
    let marks = MarkFilter {
        reference: params.reference.map(request::reference).transpose()?,
        label: params.label.as_deref().map(request::pair).transpose()?,
    };
    let after = params.after.unwrap_or_default();
    let rows = state
        .ledger()
        .schedules(&principal.seen(), &marks, &after, limit + 1)
        .await?;
    let (rows, next) = page::cut(rows, limit, |row| row.schedule.name.clone());
    let seen = rows.into_iter().filter(|row| sees(principal, row));
    Ok((seen.collect(), next))
}
