//! `PUT /v1/holds/{name}`.

use std::time::Duration;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use lethe_common::clock::to_millis;
use lethe_common::config::{Config, NAME, Table, Target, is_name};
use lethe_common::doorbell::Ring;
use lethe_common::hold::HoldOn;
use lethe_common::ledger::{HoldRecord, HoldRow, InFlight, PutHold as Written, Route};
use tokio::time::timeout;

use super::answer::PlacedHold;
use super::seen::{allow, sees};
use crate::auth::Principal;
use crate::deletion::column_types;
use crate::deletion::new_job::QUERY;
use crate::holds::{self, Checked, PutHold};
use crate::http::body;
use crate::http::extract::NamePath;
use crate::http::problem::{Kind, Problem};
use crate::routes::answers::{Unread, Usual, problems};
use crate::state::AppState;
use crate::workers::HEARD_WITHIN;

/// The longest time for what is read after a hold is in force.
const AFTERWARDS: Duration = Duration::from_secs(5);

problems! {
    /// The problems of holds that are not placed.
    NotPlaced {
        400 "The body cannot be read, or its query nests too deep"
        409 "A hold of this name is about other targets than yours, or too many holds are in force"
    }
}

/// The hold in force that a new one may replace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Over {
    /// Any that the caller may see.
    Any,
    /// None.
    Nothing,
}

/// A hold that was placed.
// Personal data: no `Debug`.
pub(crate) struct Placed {
    /// Whether no hold of this name was in force.
    pub(crate) is_new: bool,
    pub(crate) row: HoldRow,
    /// The jobs with a batch that began before the hold.
    pub(crate) in_flight: InFlight,
    /// The tables without a field for its persons or workspaces, each with its target before it.
    pub(crate) not_covered: Vec<(String, String)>,
    /// The targets that no worker serves.
    pub(crate) unserved: Vec<String>,
}

/// Place a hold, in place of any that has its name. No deletion erases the memories that it names.
///
/// It binds every batch that begins after this answer. The batches in `in_flight` began before it. Jobs that want to
/// erase held memories erase the others and become `held`. They go on when the hold is released.
#[utoipa::path(put, path = "/v1/holds/{name}", operation_id = "putHold", tag = "holds",
    params(("name" = String, Path, description = "The hold's name: 1 to 64 of the characters a-z, 0-9, _ and -. Write no personal data")),
    request_body(content = PutHold, content_type = "application/json"),
    responses(
        (status = 200, description = "The hold, replaced", body = PlacedHold),
        (status = 201, description = "The hold, new", body = PlacedHold),
        Unread,
        NotPlaced,
        Usual,
    ))]
pub(crate) async fn put(
    State(state): State<AppState>,
    principal: Principal,
    NamePath(name): NamePath,
    headers: HeaderMap,
    body: Body,
) -> Result<(StatusCode, Json<PlacedHold>), Problem> {
    let (asked, _held): (PutHold, _) = body::object(
        allow(&principal),
        &headers,
        body,
        &state.config().api,
        &state.places().of(&principal.name),
    )
    .await?;
    let placed = placed(&state, &principal, &name, asked, Over::Any).await?;
    let status = if placed.is_new {
        StatusCode::CREATED
    } else {
        StatusCode::OK
    };
    Ok((status, Json(placed.into())))
}

/// Places a hold under a name.
pub(crate) async fn placed(
    state: &AppState,
    principal: &Principal,
    name: &str,
    asked: PutHold,
    over: Over,
) -> Result<Placed, Problem> {
    allow(principal)?;
    if !is_name(name) {
        return Err(Problem::invalid("name", NAME));
    }
    let now = state.clock().now();
    let Checked {
        record,
        route,
        not_covered,
        routes,
    } = asked.checked(state.config(), principal, name.to_owned(), now)?;
    if let (HoldOn::Query(filter), Some(route)) = (&record.on, &route)
        && let Some(error) = column_types::refused(state, filter, route, Duration::ZERO).await?
    {
        return Err(Problem::invalid(QUERY, error));
    }
    let is_new = written(state, principal, &record, over).await?;
    changed(state).await;
    // The hold is in force, so no error of the ledger may make this look like a refusal.
    let in_flight = in_flight(state, &record);
    let unserved = unserved(state, &routes);
    let row = timeout(AFTERWARDS, state.ledger().hold(name));
    let (in_flight, unserved, row) = tokio::join!(in_flight, unserved, row);
    let row = row.ok().and_then(Result::ok).flatten();
    Ok(Placed {
        is_new,
        // Another request may have replaced it by a hold that the caller may not see.
        row: row
            .filter(|row| sees(principal, row))
            .unwrap_or_else(|| unread(record, to_millis(now))),
        in_flight,
        not_covered,
        unserved,
    })
}

/// Writes a hold. Returns whether no hold of its name was in force.
async fn written(state: &AppState, principal: &Principal, record: &HoldRecord, over: Over) -> Result<bool, Problem> {
    let (ledger, by) = (state.ledger(), principal.actor());
    loop {
        let there = ledger.hold(&record.name).await?;
        let there = there.filter(|row| row.released_at.is_none());
        // A hold that is replaced is released: it needs the same right.
        if there
            .as_ref()
            .is_some_and(|row| over == Over::Nothing || !sees(principal, row))
        {
            return Err(Problem::new(
                Kind::NameTaken,
                "write another name: a hold in force has this one",
            ));
        }
        let revision = there.map(|row| row.revision);
        match ledger.put_hold(record, holds::MOST, revision, &by).await? {
            Written::New => return Ok(true),
            Written::Replaced => return Ok(false),
            Written::Expired => return Err(holds::past()),
            Written::TooMany => {
                let detail = format!(
                    "release a hold that is no longer needed: at most {} are in force",
                    holds::MOST
                );
                return Err(Problem::new(Kind::TooManyHolds, detail));
            }
            Written::TooLarge => {
                let detail =
                    "release a hold that is no longer needed, or write a query: all holds together name too much";
                return Err(Problem::new(Kind::TooManyHolds, detail));
            }
            // Another request has changed the hold. The next turn checks whether the caller may replace it.
            Written::Changed => {}
        }
    }
}

/// Tells this process and all workers that a hold has changed.
pub(super) async fn changed(state: &AppState) {
    state.known_holds().forget().await;
    state.holds_changed().notify_one();
    // The loop of the schedules may wait for longer than the first hold lasts.
    state.rescheduled().notify_one();
    state.doorbell().ring(Ring::Work);
}

/// Returns the targets of the tables outside a hold's place whose jobs may delete points of a table inside it.
fn beside<'a>(config: &'a Config, record: &HoldRecord) -> Vec<&'a str> {
    let is_inside = |(target, table): (&Target, &Table)| {
        record.target.as_deref().is_none_or(|named| named == target.name)
            && record.table.as_deref().is_none_or(|named| named == table.name)
    };
    let targets = config.targets.iter();
    let all = targets.flat_map(|target| target.tables.iter().map(move |table| (target, table)));
    let (inside, outside): (Vec<_>, Vec<_>) = all.partition(|place| is_inside(*place));
    let shares = |one: &(&Target, &Table)| inside.iter().any(|other| Config::may_share_points(*one, *other));
    let outside = outside.into_iter().filter(shares);
    outside.map(|(target, _)| target.name.as_str()).collect()
}

/// Returns the jobs with a batch that began before a hold. Without an answer of the ledger there may be any.
async fn in_flight(state: &AppState, record: &HoldRecord) -> InFlight {
    let beside = beside(state.config(), record);
    let target = record.target.as_deref();
    let is_here = |other: &&str| target.is_none_or(|named| named == *other);
    // A job about a table beside it may delete points without a row that the hold names.
    let table = record.table.as_deref().filter(|_| !beside.iter().any(is_here));
    // Jobs about other targets are not the caller's to see.
    let is_elsewhere = !beside.iter().all(is_here);
    match timeout(AFTERWARDS, state.ledger().in_flight(target, table)).await {
        Ok(Ok(found)) => InFlight {
            more: found.more || is_elsewhere,
            ..found
        },
        Ok(Err(error)) => {
            tracing::warn!(error = %error, sqlstate = error.sqlstate(), "batches in flight could not be read");
            unknown()
        }
        Err(_) => {
            tracing::warn!("batches in flight could not be read in time");
            unknown()
        }
    }
}

fn unknown() -> InFlight {
    InFlight {
        jobs: Vec::new(),
        more: true,
    }
}

/// Returns the targets of these mappings that no worker serves. Without an answer of the ledger there are none.
async fn unserved(state: &AppState, routes: &[Route]) -> Vec<String> {
    let Ok(Ok(seen)) = timeout(AFTERWARDS, state.ledger().seen_workers(HEARD_WITHIN)).await else {
        return Vec::new();
    };
    let is_served = |target: &str| {
        let mut of_target = routes.iter().filter(|route| route.target == target);
        of_target.any(|route| seen.routes.contains(&route.to_string()))
    };
    let mut targets: Vec<String> = routes.iter().map(|route| route.target.clone()).collect();
    targets.sort();
    targets.dedup();
    targets.retain(|target| !is_served(target));
    targets
}

/// Returns the row of a hold that was written, and that the ledger did not return in time.
fn unread(record: HoldRecord, now: i64) -> HoldRow {
    HoldRow {
        name: record.name,
        revision: 0,
        target: record.target,
        table: record.table,
        kind: record.on.kind(),
        on: Some(record.on),
        ground: record.ground,
        by: record.by,
        reference: record.reference,
        principal: record.principal,
        until: record.until,
        created_at: now,
        changed_at: now,
        released_at: None,
        jobs: 0,
    }
}
