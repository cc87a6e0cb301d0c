//! Reading the audit trail.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use jiff::Timestamp;
use lethe_common::clock::to_millis;
use lethe_common::config::Scope;
use lethe_common::ledger::{Act, AuditFilter, Object};
use serde::{Deserialize, Serialize};
use strum::IntoEnumIterator as _;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::event::Event;
use super::format::Format;
use crate::auth::Principal;
use crate::http::extract::Params;
use crate::http::page::{self, limit};
use crate::http::problem::Problem;
use crate::routes::answers::Usual;
use crate::state::AppState;

/// The default and the greatest number of events in a page: an answer of at most about 300 KiB.
const LIMIT: (u32, u32) = (100, 1_000);

/// The longest name of an actor, in bytes: a token's word is shorter.
const LONGEST: usize = 256;

/// The filter of events.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct AuditParams {
    /// Only events of this act, such as `key.create`.
    act: Option<String>,
    /// Only events of this actor, such as the name of a key.
    actor: Option<String>,
    /// Only events from this time on.
    #[param(value_type = Option<String>, format = DateTime)]
    since: Option<String>,
    /// Only events before this time.
    #[param(value_type = Option<String>, format = DateTime)]
    until: Option<String>,
    /// `next` of the page before.
    after: Option<String>,
    /// The greatest number of events to list, 1 to 1000; 100 if absent.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 1_000)]
    limit: Option<String>,
}

/// Events, the newest first.
#[derive(Serialize, ToSchema)]
#[schema(as = AuditList)]
pub(crate) struct EventList {
    /// The events.
    pub(super) events: Vec<Event>,
    /// The value of `after` for the next page; `null` on the last.
    pub(super) next: Option<String>,
}

/// Read the audit trail, the newest event first: changes of keys and schedules, cancels, retries, pauses, and reads of
/// ids.
///
/// `GET /v1/jobs` lists accepted jobs. Reading the trail is an event too. With `accept: text/csv` or
/// `application/x-ndjson` the header `x-next` has the value of `after` for the next page.
#[utoipa::path(get, path = "/v1/audit", operation_id = "listAuditEvents", tag = "operation",
    params(AuditParams),
    responses(
        (status = 200, description = "The events", headers(
            ("x-next" = Option<String>, description = "With CSV and NDJSON: the value of `after` for the next page; absent on the last")
        ), content((EventList = "application/json"), (String = "text/csv"), (String = "application/x-ndjson"))),
        Usual,
    ))]
pub(crate) async fn list(
    State(state): State<AppState>,
    principal: Principal,
    headers: HeaderMap,
    Params(params): Params<AuditParams>,
) -> Result<Response, Problem> {
    principal.require(Scope::AuditRead)?;
    principal.require_all_of(None)?;
    let limit = limit(params.limit.as_deref(), LIMIT)?;
    let filter = AuditFilter {
        act: params.act.map(act).transpose()?.unwrap_or_default(),
        actor: params.actor.map(actor).transpose()?.unwrap_or_default(),
        since: params.since.as_deref().map(|text| time("since", text)).transpose()?,
        until: params.until.as_deref().map(|text| time("until", text)).transpose()?,
        after: params.after.as_deref().map(cursor).transpose()?.unwrap_or_default(),
        limit: limit + 1,
    };
    state.readings().note(&principal, Act::AuditRead, Object::All).await?;
    let events = state.ledger().audit(&filter).await?;
    let events = events.into_iter().map(Event::from).collect();
    let (events, next) = page::cut(events, limit, |event| event.id.to_string());
    Format::accepted(&headers).write(EventList { events, next })
}

fn act(word: String) -> Result<String, Problem> {
    if word.parse::<Act>().is_ok() {
        return Ok(word);
    }
    let words: Vec<&str> = Act::iter().map(Act::as_str).collect();
    Err(Problem::invalid(
        "act",
        format_args!("write one of {}", words.join(", ")),
    ))
}

fn actor(name: String) -> Result<String, Problem> {
    // No name is empty, and PostgreSQL accepts no NUL.
    if (1..=LONGEST).contains(&name.len()) && !name.contains('\0') {
        Ok(name)
    } else {
        Err(Problem::invalid(
            "actor",
            "write an actor as events name it, such as the name of a key",
        ))
    }
}

fn time(field: &str, text: &str) -> Result<i64, Problem> {
    let at: Result<Timestamp, _> = text.parse();
    at.map(to_millis)
        .map_err(|_| Problem::invalid(field, "write a time such as `2030-01-31T12:00:00Z`"))
}

fn cursor(text: &str) -> Result<String, Problem> {
    let id: Result<Uuid, _> = text.parse();
    id.map(|id| id.to_string())
        .map_err(|_| Problem::invalid("after", "write the `next` of the page before"))
}
