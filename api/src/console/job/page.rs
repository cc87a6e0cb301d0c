//! The page.

use std::time::Duration;

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use lethe_common::job::JobId;
use lethe_common::ledger::{JobView, Standing, WarningCode};
use lethe_common::state::State as JobState;

use super::course;
use super::held::Keeper;
use super::request::Request;
use super::sentence::sentence;
use super::shown::{Listed, Shown};
use super::slider::Slider;
use super::stores::Store;
use super::timeline::Step;
use crate::auth::Principal;
use crate::console::cause::{self, Cause};
use crate::console::due::Due;
use crate::console::event_stream::SEEN;
use crate::console::frame::{Frame, answer};
use crate::console::plot::Plot;
use crate::console::session::Session;
use crate::console::words;
use crate::console::{jobs, links};
use crate::http::extract::JobPath;
use crate::http::problem::Problem;
use crate::job::answer::{Job, WarningAnswer};
use crate::job::visible::visible;
use crate::state::AppState;

/// The page.
#[derive(Template)]
#[template(path = "console/job.html")]
struct Page {
    frame: Frame,
    path: String,
    id: String,
    state: &'static str,
    sentence: String,
    percent: u8,
    progress: String,
    /// The reason why it waits or failed.
    why: Option<Why>,
    /// The holds that keep memories of it.
    keepers: Vec<Keeper>,
    /// The caller's own words about it.
    marks: Vec<(String, String)>,
    due: Option<Due>,
    /// The path of the list of its receipts, once it has one.
    receipts: Option<String>,
    stores: Vec<Store>,
    /// How fast its attempt went.
    plot: Option<Plot>,
    warnings: Vec<String>,
    steps: Vec<Step>,
    outcomes: Vec<Listed>,
    request: Request,
    shown: Shown,
    pace: String,
    slider: Slider,
    acts: Acts,
}

/// A cause, with its remedy.
pub(in crate::console) struct Why {
    pub(in crate::console) what: String,
    pub(in crate::console) remedy: &'static str,
    /// The path of the page with the remedy, and the text of the link to it.
    pub(in crate::console) link: Option<(String, &'static str)>,
    pub(in crate::console) code: String,
}

/// The acts that the caller may do now.
// `pace` is for a job that goes on, as is `cancel`.
struct Acts {
    cancel: bool,
    extend: bool,
    retry: bool,
    /// The button that shows personal data of the job; `None` if the caller may not see it.
    reveal: Option<&'static str>,
}

/// Shows a job.
pub(in crate::console) async fn page(
    State(state): State<AppState>,
    JobPath(id): JobPath,
    session: Session,
) -> Result<Response, Problem> {
    with(&state, &session, id, Shown::default()).await
}

/// Returns the page, with the personal data that a form asked for.
pub(super) async fn with(state: &AppState, session: &Session, id: JobId, shown: Shown) -> Result<Response, Problem> {
    let view = visible(state, &session.principal, id).await?;
    let acts = acts(session, &view);
    let outcomes = Listed::all(&view);
    let keepers = Keeper::all(state, &session.principal, &view).await?;
    let course = match view.started_at {
        Some(_) => state.ledger().course(id).await?,
        None => None,
    };
    let job = Job::from(view);
    let path = links::job(job.id);
    let frame = Frame::of(session, links::JOBS, format!("Job about {}", jobs::place(&job)));
    let is_open = job.ended_at.is_none();
    let frame = if is_open {
        let version = job.version.to_string();
        frame.with_events(links::with(&format!("{path}/events"), [(SEEN, version.as_str())]))
    } else {
        frame
    };
    Ok(answer(StatusCode::OK, frame, |frame| Page {
        frame,
        id: job.id.to_string(),
        state: job.state,
        sentence: sentence(&job),
        percent: words::percent(job.progress),
        progress: progress(&job),
        why: why(&job, &session.principal),
        keepers,
        marks: marks(&job),
        due: Due::of(&job),
        receipts: has_receipt(&job).then(|| links::receipts_of(&job.id.to_string())),
        stores: Store::all(&job),
        plot: course.and_then(|course| course::plot(&job, &course)),
        warnings: job.warnings.iter().map(warned).collect(),
        steps: Step::all(&job),
        outcomes,
        request: Request::of(&job, &shown),
        shown,
        pace: job.per_second.as_ref().map(ToString::to_string).unwrap_or_default(),
        slider: Slider::of(job.per_second.as_ref()),
        acts,
        path,
    }))
}

fn acts(session: &Session, view: &JobView) -> Acts {
    let controls = session.principal.require_control(view).is_ok();
    let reveal = match view.kind.as_str() {
        "ids" => "Show the ids, the owner and the workspace",
        "subject" => "Show the person",
        _ => "Show the owner and the workspace",
    };
    let is_over = matches!(view.state, JobState::Failed | JobState::Cancelled) && view.forgotten_at.is_none();
    Acts {
        cancel: controls && !view.state.is_ended(),
        extend: controls && is_extendable(view),
        retry: controls && is_over && cause::retry_helps(view.error_code.as_deref()),
        reveal: (controls && view.forgotten_at.is_none()).then_some(reveal),
    }
}

/// Returns whether the deadline of a job may be extended, if its regime allows it.
fn is_extendable(view: &JobView) -> bool {
    let deadline = view.legal.deadline.as_ref();
    let is_open = matches!(view.standing, Some(Standing::InTime | Standing::Soon));
    is_open && deadline.is_some_and(|deadline| deadline.extended.is_none())
}

/// Returns the caller's own words about a job, and the ground of the erasure.
fn marks(job: &Job) -> Vec<(String, String)> {
    let mut marks = words::marks(job.reference.as_deref(), &job.labels);
    marks.extend(job.ground.map(|ground| ("ground".to_owned(), ground.to_owned())));
    marks
}

/// Returns whether a job has a receipt: one about its end, or about the memories that only holds keep.
fn has_receipt(job: &Job) -> bool {
    job.receipt.is_some() || job.state == JobState::Held.as_str()
}

/// Returns the reason why a job waits or failed.
pub(in crate::console) fn why(job: &Job, principal: &Principal) -> Option<Why> {
    if let Some(wait) = &job.waits_for {
        return Some(Why {
            what: cause::detail(wait),
            remedy: cause::remedy(wait),
            link: cause::link(wait, principal),
            code: wait.code.clone().unwrap_or_default(),
        });
    }
    let code = job.error_code.clone()?;
    let Cause { what, remedy } = Cause::of(&code);
    Some(Why {
        what: what.to_owned(),
        remedy,
        link: None,
        code,
    })
}

/// Returns the progress of a job in words.
pub(in crate::console) fn progress(job: &Job) -> String {
    // Those that an ended job left are no longer awaited, and still there. A dry run has none.
    let left = job.stores.iter().filter_map(|store| store.counts.get("left"));
    let undone = job.remaining.saturating_add(left.copied().max().unwrap_or(0));
    let done = words::count(job.selected.saturating_sub(undone));
    let is_moving = job.ended_at.is_none() && job.remaining > 0;
    let rate = job.rate.filter(|rate| is_moving && *rate > 0.0);
    let parts = [
        Some(format!("{done} of {}", words::many(job.selected, "memory", "memories"))),
        rate.map(|rate| format!("{} a second", words::rate(rate))),
        job.eta
            .map(|eta| format!("about {} left", words::span(Duration::from_secs(eta)))),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// Returns the meaning of a warning.
pub(in crate::console) fn warned(warning: &WarningAnswer) -> String {
    let meant = [
        (
            WarningCode::FullScan,
            "No index helps the search: the database reads every row.",
        ),
        (
            WarningCode::Mistyped,
            "The columns of this table cannot hold a value of the request: the table was skipped.",
        ),
        (WarningCode::NothingSelected, "Nothing matched in any table."),
        (
            WarningCode::DependentsUncounted,
            "A worker died after a deletion: more rows of dependent tables are gone than are counted.",
        ),
        (
            WarningCode::Held,
            "A legal hold may keep memories of the job: they stay until it is released.",
        ),
    ];
    let found = meant.into_iter().find(|(code, _)| code.as_str() == warning.code);
    let says = found.map_or(warning.code, |(_, says)| says);
    match (&warning.target, &warning.table) {
        (Some(target), Some(table)) => format!("{target}/{table}: {says}"),
        _ => says.to_owned(),
    }
}
