//! Reading the audit trail.

use std::str::FromStr;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use lethe_common::config::Scope;
use lethe_common::ledger::{Act, AuditFilter, Effect, Object};
use serde::{Deserialize, Serialize};
use strum::IntoEnumIterator;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::event::Event;
use crate::auth::Principal;
use crate::http::extract::Params;
use crate::http::format::Format;
use crate::http::page::{self, caller, limit, time};
use crate::http::problem::Problem;
use crate::routes::answers::Usual;
use crate::state::AppState;

/// The default and the greatest number of events in a page: an answer of at most about 300 KiB.
const LIMIT: (u32, u32) = (100, 1_000);

/// The filter of events.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct AuditParams {
    /// Only events of this act, such as `key.create`.
    act: Option<String>,
    /// Only events of this actor, such as the name of a key.
    actor: Option<String>,
    /// Only events with this effect: `done`, `unchanged` or `refused`.
    effect: Option<String>,
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
    pub(crate) events: Vec<Event>,
    /// The value of `after` for the next page; `null` on the last.
    pub(crate) next: Option<String>,
}

/// Read the audit trail, the newest event first: changes of keys and schedules, cancels, retries, pauses, reads of ids,
/// and refusals of these and of submissions.
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
    listed(&state, &principal, params)
        .await?
        .written(Format::accepted(&headers))
}

/// Returns events to a caller that may read all of them, and notes that it reads them.
pub(crate) async fn listed(state: &AppState, principal: &Principal, params: AuditParams) -> Result<EventList, Problem> {
    principal.require(Scope::AuditRead)?;
    principal.require_all_of(None)?;
    let limit = limit(params.limit.as_deref(), LIMIT)?;
    let filter = AuditFilter {
        act: params.act.as_deref().map(act).transpose()?.unwrap_or_default(),
        actor: params
            .actor
            .map(|name| caller("actor", name))
            .transpose()?
            .unwrap_or_default(),
        effect: params.effect.as_deref().map(effect).transpose()?,
        since: params.since.as_deref().map(|text| time("since", text)).transpose()?,
        until: params.until.as_deref().map(|text| time("until", text)).transpose()?,
        after: params.after.as_deref().map(cursor).transpose()?.unwrap_or_default(),
        limit: limit + 1,
    };
    state.readings().note(principal, Act::AuditRead, Object::All).await?;
    let events = state.ledger().audit(&filter).await?;
    let events = events.into_iter().map(Event::from).collect();
    let (events, next) = page::cut(events, limit, |event: &Event| event.id.to_string());
    Ok(EventList { events, next })
}

impl EventList {
    /// Writes the events in a format.
    pub(crate) fn written(self, format: Format) -> Result<Response, Problem> {
        format.write(self.events, self.next, |events, next| Self { events, next })
    }
}

fn act(word: &str) -> Result<String, Problem> {
    let known: Act = one_of("act", word, Act::as_str)?;
    Ok(known.as_str().to_owned())
}

fn effect(word: &str) -> Result<Effect, Problem> {
    one_of("effect", word, Effect::as_str)
}

fn one_of<T: FromStr + IntoEnumIterator>(field: &str, word: &str, as_str: fn(T) -> &'static str) -> Result<T, Problem> {
    word.parse().map_err(|_| {
        let words: Vec<&str> = T::iter().map(as_str).collect();
        Problem::invalid(field, format_args!("write one of {}", words.join(", ")))
    })
}

fn cursor(text: &str) -> Result<String, Problem> {
    let id: Result<Uuid, _> = text.parse();
    id.map(|id| id.to_string())
        .map_err(|_| Problem::invalid("after", "write the `next` of the page before"))
}
