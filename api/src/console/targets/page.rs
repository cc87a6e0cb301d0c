//! The page.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use lethe_common::config::{Scope, Table, Target};

use super::health::{Failing, Store};
use super::mapping::Mapping;
use super::shared::Shared;
use crate::auth::Principal;
use crate::console::cause::Cause;
use crate::console::frame::{Frame, answer};
use crate::console::links;
use crate::console::session::Session;
use crate::http::problem::Problem;
use crate::routes::pause::{self, Paused};
use crate::routes::siblings;
use crate::routes::targets::{self, TargetAnswer};
use crate::state::AppState;
use crate::workers::Fault;

/// The page.
#[derive(Template)]
#[template(path = "console/targets.html")]
struct Targets {
    frame: Frame,
    /// Whether everything is paused.
    all_paused: bool,
    /// Whether the caller may pause everything.
    pauses_all: bool,
    rows: Vec<Shown>,
    shared: Vec<Shared>,
}

/// A target on the page.
struct Shown {
    name: String,
    path: String,
    /// Whether it is paused by itself.
    paused: bool,
    /// Whether the caller may pause it.
    pauses: bool,
    stores: Vec<Store>,
    failing: Option<Failing>,
    faults: Vec<Fault>,
    tables: Vec<Mapping>,
}

/// Shows the targets that the caller reaches.
pub(in crate::console) async fn page(State(state): State<AppState>, session: Session) -> Result<Response, Problem> {
    let principal = &session.principal;
    let list = targets::listed(&state, principal).await?;
    let paused = pause::present(&state, principal).await?;
    let shared = Shared::all(&siblings::listed(&state, principal).await?);
    let shown = list.targets.into_iter().filter_map(|answer| {
        let target = state.config().target(&answer.name)?;
        Some(Shown::new(principal, target, answer, &paused))
    });
    let frame = Frame::of(&session, links::TARGETS, "Targets").with_events(links::EVENTS);
    Ok(answer(StatusCode::OK, frame, |frame| Targets {
        frame,
        all_paused: paused.all,
        pauses_all: may_pause(principal, None),
        rows: shown.collect(),
        shared,
    }))
}

impl Shown {
    fn new(principal: &Principal, target: &Target, answer: TargetAnswer, paused: &Paused) -> Self {
        let workers = |table: &str| {
            let told = answer.tables.iter().find(|told| told.name == table);
            told.map_or(0, |told| told.served_by)
        };
        let constants = !principal.is_bound_inside();
        let mapping = |table: &Table| Mapping::of(table, workers(&table.name), constants);
        Self {
            path: links::target(&answer.name),
            paused: paused.targets.contains(&answer.name),
            pauses: may_pause(principal, Some(&answer.name)),
            stores: Store::all(target, &answer),
            tables: target.tables.iter().map(mapping).collect(),
            failing: answer.trouble.map(Failing::from),
            faults: answer.faults.into_iter().collect(),
            name: answer.name,
        }
    }

    /// Returns whether a store has this cause, which the page then tells beside it.
    fn tells(&self, cause: &Cause) -> bool {
        self.stores.iter().any(|store| store.cause.as_ref() == Some(cause))
    }
}

/// Returns whether the caller may pause one target, or everything.
fn may_pause(principal: &Principal, target: Option<&str>) -> bool {
    principal.has(Scope::JobsAdmin) && principal.require_all_of(target).is_ok()
}
