//! The list of keys, with the form for a new one.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use super::facts::Facts;
use super::new::asked;
use super::scopes::{Choice, READ_ONLY};
use super::secret::Secret;
use crate::console::filters::Filters;
use crate::console::form::Posted;
use crate::console::frame::{Frame, answer};
use crate::console::links;
use crate::console::pages::{AFTER, Pages};
use crate::console::session::Session;
use crate::http::problem::Problem;
use crate::routes::keys::create::made;
use crate::routes::keys::list::{KeyList, KeyParams, listed};
use crate::state::AppState;

/// The parameter that holds the scopes that the form begins with.
const PRESET: &str = "preset";

/// The page.
#[derive(Template)]
#[template(path = "console/keys.html")]
struct Keys {
    frame: Frame,
    secret: Secret,
    rows: Vec<Facts>,
    pages: Pages,
    scopes: Vec<Choice>,
    targets: Vec<String>,
    /// The path of this page with the scopes of a key that only reads.
    read_only: String,
}

/// Shows the keys.
pub(in crate::console) async fn page(
    State(state): State<AppState>,
    session: Session,
    filters: Filters,
) -> Result<Response, Problem> {
    let after = Some(filters.value(AFTER).to_owned()).filter(|after| !after.is_empty());
    let list = listed(&state, &session.principal, KeyParams { after, limit: None }).await?;
    Ok(shown(&state, &session, &filters, list, Secret::default()))
}

/// Makes a key, and shows its secret.
pub(in crate::console) async fn create(
    State(state): State<AppState>,
    Posted { session, fields }: Posted,
) -> Result<Response, Problem> {
    let principal = &session.principal;
    let (key, row) = made(&state, principal, asked(&fields, state.clock().now())).await?;
    let name = row.key.name.clone();
    let all = KeyParams {
        after: None,
        limit: None,
    };
    // The secret is shown also if the list cannot be read now: it would be lost.
    let list = listed(&state, principal, all).await.unwrap_or_else(|_| KeyList {
        keys: vec![row.into()],
        next: None,
    });
    let secret = Secret::of(name, key);
    Ok(shown(&state, &session, &Filters::of([]), list, secret))
}

fn shown(state: &AppState, session: &Session, filters: &Filters, list: KeyList, secret: Secret) -> Response {
    let pages = Pages::new(links::KEYS, filters, list.next.as_deref(), ("First", "More"));
    let targets = state.config().targets.iter().map(|target| target.name.clone());
    let targets = targets.collect();
    let frame = Frame::of(session, links::KEYS, "Keys");
    answer(StatusCode::OK, frame, |frame| Keys {
        frame,
        secret,
        rows: list.keys.into_iter().map(Facts::from).collect(),
        pages,
        scopes: Choice::all(filters.value(PRESET)),
        targets,
        read_only: links::with(links::KEYS, [(PRESET, READ_ONLY)]),
    })
}
