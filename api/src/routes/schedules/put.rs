//! `PUT /v1/schedules/{name}`.

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use lethe_common::config::{NAME, is_name};
use lethe_common::doorbell::Ring;
use lethe_common::ledger::{ScheduleRecord, ScheduleRow};

use super::answer::Schedule;
use super::seen;
use crate::auth::Principal;
use crate::deletion::column_types;
use crate::deletion::new_job::WORDS;
use crate::http::body;
use crate::http::extract::NamePath;
use crate::http::limits;
use crate::http::problem::{Kind, Problem};
use crate::routes::answers::{Unread, Usual, problems};
use crate::schedules::{self, PutSchedule};
use crate::state::AppState;

problems! {
    /// The problems of schedules that are not written.
    NotWritten {
        400 "The body cannot be read, or its query nests too deep"
        409 "Another caller has a schedule of this name, or the caller has as many schedules as it may have"
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
    let record = checked(&state, &principal, name, asked).await?;
    let (status, row) = written(&state, &principal, &record, None).await?;
    Ok((status, Json(row.try_into()?)))
}

/// Returns the schedule to store under a name.
pub(crate) async fn checked(
    state: &AppState,
    principal: &Principal,
    name: String,
    asked: PutSchedule,
) -> Result<ScheduleRecord, Problem> {
    if !is_name(&name) {
        return Err(Problem::invalid("name", NAME));
    }
    let (record, job) = asked.checked(state.config(), principal, name, state.clock().now())?;
    column_types::check(state, &job, WORDS)
        .await
        .map_err(schedules::inside)?;
    Ok(record)
}

/// Returns the schedule that another one would replace, if the caller may replace it.
pub(crate) async fn replaced(
    state: &AppState,
    principal: &Principal,
    name: &str,
) -> Result<Option<ScheduleRow>, Problem> {
    let row = state.ledger().schedule(name).await?;
    if let Some(row) = &row {
        if !seen::sees(principal, row) {
            return Err(Problem::new(Kind::NameTaken, "write another name"));
        }
        seen::require_control(principal, row)?;
    }
    Ok(row)
}

/// Stores a checked schedule. `over` is the revision that it may replace, empty for none; `None`: any.
pub(crate) async fn written(
    state: &AppState,
    principal: &Principal,
    record: &ScheduleRecord,
    over: Option<&str>,
) -> Result<(StatusCode, ScheduleRow), Problem> {
    let by = principal.actor();
    let status = loop {
        let there = replaced(state, principal, &record.name).await?;
        let revision = there.as_ref().map_or("", |row| row.revision.as_str());
        if over.is_some_and(|over| over != revision) {
            let what = "the schedule of this name has changed since the preview: preview yours again";
            return Err(Problem::new(Kind::NameTaken, what));
        }
        match there {
            None => {
                limits::schedules::admit(state.ledger(), &state.config().api, &by.name).await?;
                if state.ledger().add_schedule(record, &by).await? {
                    break StatusCode::CREATED;
                }
                // Another request stored a schedule of this name. The next turn checks whether the caller may replace it.
            }
            Some(row) => {
                if row.schedule.principal != by.name {
                    limits::schedules::admit(state.ledger(), &state.config().api, &by.name).await?;
                }
                if state.ledger().replace_schedule(record, &row.revision, &by).await? {
                    // A job of the schedule may go on under the new windows.
                    state.doorbell().ring(Ring::Work);
                    break StatusCode::OK;
                }
            }
        }
    };
    state.rescheduled().notify_one();
    let row = seen::visible(state, principal, &record.name).await?;
    Ok((status, row))
}
