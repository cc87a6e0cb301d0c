//! One key: its facts, another secret, and its end.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use lethe_common::config::is_name;
use lethe_common::ledger::{Act, Object};

use super::facts::Facts;
use super::secret::Secret;
use crate::console::form::Posted;
use crate::console::frame::{Frame, answer};
use crate::console::links;
use crate::console::session::{Session, see};
use crate::http::extract::NamePath;
use crate::http::problem::Problem;
use crate::routes::keys::revoke::{RevokedKey, revoked, schedules_of};
use crate::routes::keys::rotate::{RotateKey, rotated};
use crate::routes::keys::{KeyAnswer, allow, unknown};
use crate::state::AppState;

/// The person and the workspaces of a key.
type Bound = Vec<(&'static str, String)>;

/// The page.
#[derive(Template)]
#[template(path = "console/key.html")]
struct Page {
    frame: Frame,
    secret: Secret,
    key: Facts,
    /// Whether the session of this page uses the key.
    is_own: bool,
    /// Whether the key is bound to a person or to workspaces.
    is_bound: bool,
    /// The person and the workspaces, after a form asked for them.
    shown: Option<Bound>,
    /// The schedules that run with it, each with the path of its page.
    schedules: Vec<(String, String)>,
    /// Whether there are more of them.
    has_more: bool,
}

/// Returns the page of a key.
fn with(session: &Session, key: KeyAnswer, secret: Secret, shown: Option<Bound>, running: RevokedKey) -> Response {
    let linked = |name: String| {
        let path = links::schedule(&name);
        (name, path)
    };
    let frame = Frame::of(session, links::KEYS, format!("Key {}", key.name));
    answer(StatusCode::OK, frame, |frame| Page {
        frame,
        secret,
        is_own: key.name == session.principal.name,
        is_bound: key.user.is_some() || key.workspaces.is_some(),
        shown,
        schedules: running.refused_schedules.into_iter().map(linked).collect(),
        has_more: running.more,
        key: key.into(),
    })
}

/// Shows a key.
pub(in crate::console) async fn page(
    State(state): State<AppState>,
    NamePath(name): NamePath,
    session: Session,
) -> Result<Response, Problem> {
    let key = found(&state, &session, &name).await?;
    let running = schedules_of(&state, &name).await?;
    Ok(with(&session, key, Secret::default(), None, running))
}

/// Shows a key with its person and its workspaces, which leaves an event.
pub(in crate::console) async fn show_bounds(
    State(state): State<AppState>,
    NamePath(name): NamePath,
    Posted { session, .. }: Posted,
) -> Result<Response, Problem> {
    let key = found(&state, &session, &name).await?;
    let object = Object::Key(&key.name);
    state.readings().note(&session.principal, Act::KeyList, object).await?;
    let person = key.user.iter().map(|user| ("person", user.clone()));
    let workspaces = key.workspaces.iter().flatten();
    let workspaces = workspaces.map(|workspace| ("workspace", workspace.clone()));
    let shown = person.chain(workspaces).collect();
    let running = schedules_of(&state, &name).await?;
    Ok(with(&session, key, Secret::default(), Some(shown), running))
}

/// Gives a key another secret, and shows that.
pub(in crate::console) async fn rotate(
    State(state): State<AppState>,
    NamePath(name): NamePath,
    Posted { session, fields }: Posted,
) -> Result<Response, Problem> {
    let given = |name| Some(fields.value(name).trim().to_owned()).filter(|value| !value.is_empty());
    let asked = RotateKey {
        overlap: given("overlap"),
        ends: given("ends"),
    };
    // Before the act: an error after it would lose the secret.
    let running = schedules_of(&state, &name).await?;
    let (secret, row) = rotated(&state, &session.principal, &name, &asked).await?;
    Ok(with(&session, row.into(), Secret::of(name, secret), None, running))
}

/// Revokes a key whose name was typed.
pub(in crate::console) async fn revoke(
    State(state): State<AppState>,
    NamePath(name): NamePath,
    Posted { session, fields }: Posted,
) -> Result<Response, Problem> {
    allow(&session.principal)?;
    if fields.value("confirm").trim() != name {
        return Err(Problem::invalid("confirm", "type the name of the key"));
    }
    revoked(&state, &session.principal, &name).await?;
    Ok(see(links::KEYS))
}

/// Returns a key to a caller that may manage it.
async fn found(state: &AppState, session: &Session, name: &str) -> Result<KeyAnswer, Problem> {
    allow(&session.principal)?;
    if !is_name(name) {
        return Err(unknown());
    }
    let row = state.ledger().key_by_name(name).await?;
    row.map(KeyAnswer::from).ok_or_else(unknown)
}
