//! The page with what the request selects, and the form that erases exactly that.

use askama::Template;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, StatusCode};
use axum::response::Response;
use lethe_common::ledger::JobView;

use super::entered::{By, Entered};
use super::query::Query;
use crate::console::event_stream::SEEN;
use crate::console::frame::{Frame, answer};
use crate::console::job::{Why, progress, warned, why};
use crate::console::session::{Session, see};
use crate::console::words::{self, many};
use crate::console::{jobs, links};
use crate::http::extract::JobPath;
use crate::http::problem::{Problem, Whole};
use crate::job::answer::{Item, Job};
use crate::job::visible::visible;
use crate::state::AppState;

/// A selection of more memories is confirmed by typing their number.
pub(super) const LARGE: u64 = 100;

/// The header of the script that reads only the live part, for a page that holds the request.
const PART: HeaderName = HeaderName::from_static("lethe-part");

/// The page.
#[derive(Template)]
#[template(path = "console/preview.html")]
struct Page {
    frame: Frame,
    /// The path where the page is read again: it does not hold the request, which may be large.
    path: String,
    job: String,
    place: String,
    state: &'static str,
    progress: String,
    percent: u8,
    /// The reason why it waits or failed.
    why: Option<Why>,
    warnings: Vec<String>,
    found: Option<Found>,
    /// What is wrong about the confirmation.
    wrong: Option<String>,
    /// The query as JSON.
    query: Option<String>,
    /// Whether the page holds the request: only then it may offer to erase.
    holds: bool,
    /// The fields of the request; empty if only the live part is read.
    carried: Vec<(String, String)>,
    /// Some of the memories, if the caller wants to see them.
    items: Option<Vec<Item>>,
}

/// The selection that a dry run found.
pub(super) struct Found {
    pub(super) memories: u64,
    /// The limit for the same request: ids that are not found count, too.
    pub(super) limit: u64,
    pub(super) digest: String,
    tables: Vec<Table>,
    stores: Vec<String>,
}

/// The selection in a table.
struct Table {
    place: String,
    memories: String,
    workspaces: Vec<String>,
}

/// A dry run and the form that it belongs to.
#[derive(Default)]
pub(super) struct Shown<'a> {
    pub(super) entered: Option<&'a Entered>,
    pub(super) wrong: Option<Problem>,
    pub(super) items: Option<Vec<Item>>,
    /// Whether only the live part is read, for a page that holds the request.
    pub(super) is_part: bool,
}

impl Found {
    /// Returns the selection of a dry run that is complete. Only its own caller, which asked for them, sees the names of
    /// workspaces.
    pub(super) fn of(job: &Job, caller: &str) -> Option<Self> {
        let is_own = job.principal == caller;
        let preview = job
            .preview
            .as_ref()
            .filter(|_| job.dry_run && job.state == "succeeded")?;
        let memories: u64 = preview.tables.iter().map(|table| table.found).sum();
        let tables = preview.tables.iter().map(|table| {
            let n = table.workspaces.len() as u64;
            let counted = (!is_own && n > 0).then(|| many(n, "workspace", "workspaces"));
            let named = table.workspaces.iter().filter(|_| is_own).map(|workspace| {
                let name = workspace.workspace.as_deref().unwrap_or("no workspace");
                format!("{name}: {}", words::count(workspace.found))
            });
            let elsewhere = (table.elsewhere > 0).then(|| format!("others: {}", words::count(table.elsewhere)));
            Table {
                place: format!("{}/{}", table.target, table.table),
                memories: words::count(table.found),
                workspaces: named.chain(counted).chain(elsewhere).collect(),
            }
        });
        let stores = job.stores.iter().map(|store| {
            let found = store.counts.get("found").copied().unwrap_or(0);
            let name = words::store(store.store, &store.target);
            format!("{name}: {}", words::count(found))
        });
        Some(Self {
            memories,
            limit: memories.max(job.selected),
            digest: preview.digest.clone(),
            tables: tables.collect(),
            stores: stores.collect(),
        })
    }

    fn has_workspaces(&self) -> bool {
        self.tables.iter().any(|table| !table.workspaces.is_empty())
    }

    fn is_large(&self) -> bool {
        self.memories > LARGE
    }

    fn sentence(&self) -> String {
        many(self.memories, "memory", "memories")
    }
}

/// Shows a dry run without its request, which only the page that sent it has.
pub(in crate::console) async fn again(
    State(state): State<AppState>,
    JobPath(id): JobPath,
    headers: HeaderMap,
    session: Session,
) -> Result<Response, Problem> {
    let job = visible(&state, &session.principal, id).await?;
    if !job.dry_run {
        return Ok(see(&links::job(id)));
    }
    let part = Shown {
        is_part: headers.contains_key(PART),
        ..Shown::default()
    };
    Ok(shown(&session, job, part))
}

/// Shows a dry run.
pub(super) fn shown(session: &Session, view: JobView, shown: Shown<'_>) -> Response {
    let job = Job::from(view);
    let frame = Frame::of(session, links::NEW, "Preview of a deletion");
    let frame = if job.ended_at.is_none() {
        let version = job.version.to_string();
        let events = format!("{}/events", links::job(job.id));
        frame.with_events(links::with(&events, [(SEEN, version.as_str())]))
    } else {
        frame
    };
    let Shown {
        entered,
        wrong,
        items,
        is_part,
    } = shown;
    let status = wrong.as_ref().map_or(StatusCode::OK, |wrong| wrong.kind.status());
    let by_query = entered.filter(|entered| entered.by == By::Query);
    let query = by_query
        .and_then(|entered| Query::of(entered).ok())
        .map(|query| query.json);
    let is_refused = wrong.is_some();
    let mut response = answer(status, frame, |frame| Page {
        frame,
        path: format!("{}/{}", links::NEW, job.id),
        job: links::job(job.id),
        place: jobs::place(&job),
        state: job.state,
        progress: progress(&job),
        percent: words::percent(job.progress),
        why: why(&job, &session.principal),
        warnings: job.warnings.iter().map(warned).collect(),
        found: Found::of(&job, &session.principal.name),
        wrong: wrong.map(|wrong| wrong.detail),
        query,
        holds: is_part || entered.is_some(),
        carried: entered.map(Entered::carried).unwrap_or_default(),
        items,
    });
    if is_refused {
        response.extensions_mut().insert(Whole);
    }
    response
}
