//! The list of holds, with the form that places one.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use lethe_common::ledger::HoldRow;
use lethe_common::receipt::HoldGround;
use strum::IntoEnumIterator as _;

use super::asked::asked;
use super::placed::Part;
use super::told::{Told, ground};
use crate::auth::Principal;
use crate::console::filters::Filters;
use crate::console::form::Posted;
use crate::console::frame::{Frame, answer};
use crate::console::pages::{AFTER, Pages};
use crate::console::session::Session;
use crate::console::{jobs, links};
use crate::http::problem::Problem;
use crate::routes::holds::put::{Over, placed};
use crate::routes::holds::{list as listing, seen};
use crate::state::AppState;

/// The parameter that asks for released holds, too.
const ALL: &str = "all";

/// The page.
#[derive(Template)]
#[template(path = "console/holds.html")]
struct Holds {
    frame: Frame,
    placed: Part,
    rows: Vec<Told>,
    pages: Pages,
    /// Whether released holds are listed, too.
    all: bool,
    /// The path of the list with released holds, or without them.
    others: String,
    /// The places of a hold: the value of each, and its label.
    places: Vec<(String, String)>,
    /// The grounds of a hold: the word of each, and its label.
    grounds: Vec<(&'static str, String)>,
}

/// A page of the list: its holds, and the place of the next page.
type List = (Vec<HoldRow>, Option<String>);

/// Shows the holds, by name.
pub(in crate::console) async fn page(
    State(state): State<AppState>,
    session: Session,
    filters: Filters,
) -> Result<Response, Problem> {
    let list = listed(&state, &session.principal, &filters).await?;
    Ok(shown(&state, &session, &filters, list, Part::default()))
}

/// Places a hold, and tells how far it reaches.
pub(in crate::console) async fn place(
    State(state): State<AppState>,
    Posted { session, fields }: Posted,
) -> Result<Response, Problem> {
    let principal = &session.principal;
    seen::allow(principal)?;
    let name = fields.value("name").trim();
    let asked = asked(&fields, state.clock().now())?;
    // A replacement would release the memories of the former hold, which the form does not show.
    let placed = placed(&state, principal, name, asked, Over::Nothing).await?;
    let filters = Filters::of([]);
    // The reach is told also if the list cannot be read now.
    let list = listed(&state, principal, &filters).await;
    let list = list.unwrap_or_else(|_| (vec![placed.row.clone()], None));
    Ok(shown(&state, &session, &filters, list, Part::of(name, &placed)))
}

async fn listed(state: &AppState, principal: &Principal, filters: &Filters) -> Result<List, Problem> {
    let given = |name| (name, filters.value(name));
    let params = Filters::of([given(AFTER), given(ALL)]);
    listing::listed(state, principal, params.read()?).await
}

fn shown(state: &AppState, session: &Session, filters: &Filters, (rows, next): List, placed: Part) -> Response {
    let pages = Pages::new(links::HOLDS, filters, next.as_deref(), ("First", "More"));
    let all = filters.value(ALL) == "true";
    let others = links::with(links::HOLDS, [(ALL, if all { "" } else { "true" })]);
    let frame = Frame::of(session, links::HOLDS, "Legal holds").with_events(links::EVENTS);
    answer(StatusCode::OK, frame, |frame| Holds {
        frame,
        placed,
        rows: rows.iter().map(Told::from).collect(),
        pages,
        all,
        others,
        places: places(state, &session.principal),
        grounds: HoldGround::iter().map(|each| (each.as_str(), ground(each))).collect(),
    })
}

/// Returns the places that a hold of the caller may have: first the widest.
fn places(state: &AppState, principal: &Principal) -> Vec<(String, String)> {
    let mut places = Vec::new();
    if principal.require_all_of(None).is_ok() {
        places.push((String::new(), "all targets, also later ones".to_owned()));
    }
    for target in principal.targets(state.config()) {
        places.push((target.name.clone(), format!("all tables of {}", target.name)));
        let tables = target.tables.iter();
        let named = tables.map(|table| jobs::place_of(Some(&target.name), Some(&table.name)));
        places.extend(named.map(|place| (place.clone(), place)));
    }
    places
}
