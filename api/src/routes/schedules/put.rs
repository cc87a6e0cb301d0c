//! `PUT /v1/schedules/{name}`.

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use lethe_common::config::{NAME, is_name};
use lethe_common::doorbell::Ring;

use super::answer::Schedule;
use super::seen;
use crate::auth::Principal;
use crate::deletion::column_types;
use crate::deletion::new_job::WORDS;
use crate::http::body;
use crate::http::extract::NamePath;
use crate::http::problem::{Kind, Problem};
use crate::routes::answers::{Unread, Usual, problems};
use crate::schedules::{self, PutSchedule};
use crate::state::AppState;

problems! {
    /// The problems of schedules that are not written.
    NotWritten {
        400 "The body cannot be read, or its query nests too deep"
        409 "Another caller has a schedule of this name"
    }
}

/// Write a schedule, in place of any that has its name.
///
/// Its jobs run in the caller's name. A job that the caller may not submit itself is refused. With the same times as
/// before, the next run stays the same. A job of the schedule that has not ended follows the new windows.
#[utoipa::path(put, path = "/v1/schedules/{name}", operation_id = "putSchedule", tag = "schedules",
    params(("name" = String, Path, description = "The schedule's name: 1 to 64 of the characters a-z, 0-9, _ and -")),
    request_body(content = PutSchedule, content_type = "application/json"),
    responses(
        (status = 200, description = "The schedule, replaced", body = Schedule),
        (status = 201, description = "The schedule, new", body = Schedule),
        Unread,
        NotWritten,
        Usual,
    ))]
pub(crate) async fn put(
    State(state): State<AppState>,
    principal: Principal,
    NamePath(name): NamePath,
    headers: HeaderMap,
    body: Body,
) -> Result<(StatusCode, Json<Schedule>), Problem> {
    let (asked, _held): (PutSchedule, _) = body::object(
        principal.require_erasing(),
        &headers,
        body,
        &state.config().api,
        &state.places().of(&principal.name),
    )
    .await?;
    if !is_name(&name) {
        return Err(Problem::invalid("name", NAME));
    }
    let (record, job) = asked.checked(state.config(), &principal, name, state.clock().now())?;
    column_types::check(&state, &job, WORDS)
        .await
        .map_err(schedules::inside)?;
    let by = principal.actor();
    let status = loop {
        match state.ledger().schedule(&record.name).await? {
            None if state.ledger().add_schedule(&record, &by).await? => break StatusCode::CREATED,
            // Another request stored a schedule of this name. The next turn checks whether the caller may replace it.
            None => {}
            Some(row) if !seen::sees(&principal, &row) => {
                return Err(Problem::new(Kind::NameTaken, "write another name"));
            }
            Some(row) => {
                seen::require_control(&principal, &row)?;
                if state.ledger().replace_schedule(&record, &row.revision, &by).await? {
                    // A job of the schedule may go on under the new windows.
                    state.doorbell().ring(Ring::Work);
                    break StatusCode::OK;
                }
            }
        }
    };
    let row = seen::visible(&state, &principal, &record.name).await?;
    Ok((status, Json(row.try_into()?)))
}
