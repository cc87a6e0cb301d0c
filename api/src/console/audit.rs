//! The audit trail, and its files. Reading it leaves an event.

use askama::Template;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use lethe_common::ledger::{Act, Effect};
use strum::IntoEnumIterator as _;

use super::filter_form::{FilterForm, List};
use super::filters::Filters;
use super::frame::{Frame, answer};
use super::links;
use super::pages::Pages;
use super::session::Session;
use super::words::Moment;
use crate::http::format::Format;
use crate::http::problem::Problem;
use crate::routes::audit::Event;
use crate::routes::audit::list::listed;
use crate::state::AppState;

/// The parameter that holds the greatest number of events.
const LIMIT: &str = "limit";

/// The most events of a file: the greatest page of the route.
const MOST: &str = "1000";

/// The filters with a text: the parameter, its label, and an example.
const TEXTS: [(&str, &str, &str); 3] = [
    ("actor", "Actor", "nightly"),
    ("since", "From", "2030-01-31T12:00:00Z"),
    ("until", "Until", "2030-01-31T12:00:00Z"),
];

/// The page.
#[derive(Template)]
#[template(path = "console/audit.html")]
struct Audit {
    frame: Frame,
    form: FilterForm,
    rows: Vec<Row>,
    pages: Pages,
    /// The paths of the files.
    csv: String,
    ndjson: String,
}

/// An event in the list.
struct Row {
    at: Moment,
    act: String,
    effect: &'static str,
    actor: String,
    object: String,
    /// The page about the object, if there is one.
    path: Option<String>,
    details: String,
    address: String,
    request: String,
}

impl From<Event> for Row {
    fn from(event: Event) -> Self {
        let details = event.details.iter().map(|(name, value)| format!("{name}: {value}"));
        Self {
            at: Moment(event.at),
            details: details.collect::<Vec<_>>().join(", "),
            path: (event.object_type == "job").then(|| links::job(&event.object_id)),
            object: format!("{} {}", event.object_type, event.object_id),
            act: event.act,
            effect: event.effect,
            actor: event.actor,
            address: event.address.unwrap_or_default(),
            request: event.request_id.unwrap_or_default(),
        }
    }
}

/// Shows events, the newest first.
pub(super) async fn page(
    State(state): State<AppState>,
    session: Session,
    filters: Filters,
) -> Result<Response, Problem> {
    let list = listed(&state, &session.principal, filters.read()?).await?;
    let pages = Pages::new(links::AUDIT, &filters, list.next.as_deref(), ("Newest", "Older"));
    let lists = vec![
        List::new(&filters, ("act", "Act"), Act::iter().map(Act::as_str)),
        List::new(&filters, ("effect", "Effect"), Effect::iter().map(Effect::as_str)),
    ];
    let form = FilterForm::new((links::AUDIT, "Filter events"), &filters, lists, &TEXTS);
    let file = |path| links::with(path, filters.without(LIMIT).chain([(LIMIT, MOST)]));
    let (csv, ndjson) = (file(links::AUDIT_CSV), file(links::AUDIT_NDJSON));
    let frame = Frame::of(&session, links::AUDIT, "Audit");
    Ok(answer(StatusCode::OK, frame, |frame| Audit {
        frame,
        form,
        rows: list.events.into_iter().map(Row::from).collect(),
        pages,
        csv,
        ndjson,
    }))
}

/// Sends events as a file with comma-separated values.
pub(super) async fn csv(
    State(state): State<AppState>,
    session: Session,
    filters: Filters,
) -> Result<Response, Problem> {
    file(
        &state,
        &session,
        &filters,
        (Format::Csv, "attachment; filename=\"audit.csv\""),
    )
    .await
}

/// Sends events as a file with one JSON object a line.
pub(super) async fn ndjson(
    State(state): State<AppState>,
    session: Session,
    filters: Filters,
) -> Result<Response, Problem> {
    let kind = (Format::Ndjson, "attachment; filename=\"audit.ndjson\"");
    file(&state, &session, &filters, kind).await
}

async fn file(
    state: &AppState,
    session: &Session,
    filters: &Filters,
    (format, disposition): (Format, &'static str),
) -> Result<Response, Problem> {
    let list = listed(state, &session.principal, filters.read()?).await?;
    let mut response = list.written(format)?;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_DISPOSITION, HeaderValue::from_static(disposition));
    Ok(response)
}
