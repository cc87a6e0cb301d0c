//! The log: its size, its root, its signed checkpoint, how far it is behind, and its keys.

use std::time::Duration;

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use lethe_common::clock::from_millis;
use lethe_common::receipt::Key;
use lethe_common::tlog::hash::to_base64;

use crate::console::frame::{Frame, answer};
use crate::console::links;
use crate::console::session::Session;
use crate::console::words::{self, Moment};
use crate::http::problem::Problem;
use crate::routes::log::Reader;
use crate::routes::well_known::published;
use crate::state::AppState;

/// The page.
#[derive(Template)]
#[template(path = "console/log.html")]
struct Page {
    frame: Frame,
    origin: String,
    entries: String,
    /// The entries that the checkpoint covers.
    signed: String,
    /// The receipts without a place.
    waiting: String,
    lag: String,
    root: String,
    checkpoint: Option<String>,
    keys: Vec<Row>,
}

/// A public key.
struct Row {
    id: String,
    algorithm: String,
    note_key: String,
    made: Option<Moment>,
    retired: Option<Moment>,
}

impl From<Key> for Row {
    fn from(key: Key) -> Self {
        Self {
            id: key.key_id.to_string(),
            algorithm: key.algorithm,
            note_key: key.note_key,
            made: from_millis(key.made.millis()).map(Moment),
            retired: key.retired.and_then(|at| from_millis(at.millis())).map(Moment),
        }
    }
}

/// Shows the log, to callers that may read it.
pub(in crate::console) async fn page(State(state): State<AppState>, session: Session) -> Result<Response, Problem> {
    Reader::require(&state, &session.principal)?;
    let head = state.ledger().log_head().await?;
    let now = state.ledger().log_state().await?;
    let keys = published(&state).await?;
    let frame = Frame::of(&session, links::RECEIPTS, "The log");
    Ok(answer(StatusCode::OK, frame, |frame| Page {
        frame,
        origin: keys.origin,
        entries: words::count(head.size),
        signed: words::count(head.signed),
        waiting: words::count(now.unsequenced),
        lag: words::span(Duration::from_millis(now.lag_ms)),
        root: to_base64(&head.root),
        checkpoint: head.checkpoint,
        keys: keys.keys.into_iter().map(Row::from).collect(),
    }))
}
