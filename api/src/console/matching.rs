//! Acts on all jobs of a filtered list: first their number, then the act, some jobs at a time.
//!
//! The filters are in the address of each step. The form of the next step holds the cursor and the sums until then. The
//! script sends it at once, and without the script the reader does.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{MethodRouter, get};
use lethe_common::state::State as JobState;
use strum::IntoEnumIterator as _;

use super::filters::Filters;
use super::form::{Fields, Posted};
use super::frame::{Frame, answer};
use super::job::pace_of;
use super::links;
use super::pages::AFTER;
use super::session::Session;
use super::words;
use crate::auth::Principal;
use crate::http::problem::Problem;
use crate::routes::jobs::matching::{Acted, Asked, JobAct, acted};
use crate::state::AppState;

/// Above this number of jobs the reader types it.
const TYPED: u64 = 100;

/// An act on all jobs of a list.
#[derive(Clone, Copy)]
pub(super) enum Act {
    Cancel,
    Pace,
    Retry,
}

impl Act {
    /// Returns the acts that can change jobs in a state; without a state, those of any state.
    fn on(state: &str) -> &'static [Self] {
        match JobState::iter().find(|known| known.as_str() == state) {
            None => &[Self::Cancel, Self::Pace, Self::Retry],
            Some(JobState::Failed | JobState::Cancelled) => &[Self::Retry],
            Some(JobState::Succeeded | JobState::Cancelling) => &[],
            Some(_) => &[Self::Cancel, Self::Pace],
        }
    }

    fn path(self) -> &'static str {
        match self {
            Self::Cancel => links::CANCEL_JOBS,
            Self::Pace => links::PACE_JOBS,
            Self::Retry => links::RETRY_JOBS,
        }
    }

    /// Returns what it does to the jobs after it.
    fn verb(self) -> &'static str {
        match self {
            Self::Cancel => "Cancel",
            Self::Pace => "Set the pace of",
            Self::Retry => "Retry",
        }
    }

    /// Returns its effect in a sentence.
    fn effect(self) -> &'static str {
        match self {
            Self::Cancel => "Batches that have begun are finished. Memories that are erased stay erased.",
            Self::Pace => "Workers keep to the new pace within a second. Jobs that have ended keep theirs.",
            Self::Retry => "Each new attempt begins with the memories that are left.",
        }
    }

    fn job_act(self, fields: &Fields) -> Result<JobAct, Problem> {
        Ok(match self {
            Self::Cancel => JobAct::Cancel,
            Self::Pace => JobAct::Pace(pace_of(fields)?),
            Self::Retry => JobAct::Retry,
        })
    }
}

/// A link of a list to an act on all of its jobs.
pub(super) struct Link {
    pub(super) label: String,
    pub(super) path: String,
}

impl Link {
    /// Returns the links of a list with filters; none for a list of everything, or a caller that controls no job.
    pub(super) fn all(principal: &Principal, filters: &Filters) -> Vec<Self> {
        if filters.without(AFTER).next().is_none() || principal.require_some_control().is_err() {
            return Vec::new();
        }
        let link = |act: &Act| Self {
            label: format!("{} all that match", act.verb()),
            path: links::with(act.path(), filters.without(AFTER)),
        };
        Act::on(filters.value("state")).iter().map(link).collect()
    }
}

/// The page.
#[derive(Template)]
#[template(path = "console/matching.html")]
struct Page {
    frame: Frame,
    /// The path of this page, with the filters.
    path: String,
    /// The path of the list.
    list: String,
    /// The filters of the list.
    filters: Vec<(String, String)>,
    verb: &'static str,
    effect: &'static str,
    /// Whether the form asks for a pace.
    paces: bool,
    /// The pace that was asked for.
    pace: String,
    /// The number of jobs.
    expect: u64,
    /// That number with its noun.
    jobs: String,
    /// The number of jobs that were taken.
    taken: u64,
    /// Whether the reader types that number.
    typed: bool,
    /// The sums of all steps until now; `None` before the first one.
    sums: Option<Acted>,
}

/// Returns the page of an act, and the form that does it.
pub(super) fn route(act: Act) -> MethodRouter<AppState> {
    get(move |state: State<AppState>, session: Session, filters: Filters| page(act, state, session, filters))
        .post(move |state: State<AppState>, filters: Filters, posted: Posted| take(act, state, filters, posted))
}

/// Shows how many jobs match.
async fn page(
    act: Act,
    State(state): State<AppState>,
    session: Session,
    filters: Filters,
) -> Result<Response, Problem> {
    let none = Fields::default();
    let asked = Asked::of(filters.without(AFTER).chain([("dry_run", "true")]))?;
    let counted = acted(&state, &session.principal, act.job_act(&none)?, asked).await?;
    Ok(shown(act, &session, &filters, &none, (counted.left, None)))
}

/// Takes the next jobs.
async fn take(
    act: Act,
    State(state): State<AppState>,
    filters: Filters,
    Posted { session, fields }: Posted,
) -> Result<Response, Problem> {
    let expect = sum(&fields, "expect");
    let after = fields.value(AFTER);
    if after.is_empty() && expect > TYPED && sum(&fields, "number") != expect {
        let what = format!("type {expect}, the number of jobs");
        return Err(Problem::invalid("number", what));
    }
    let number = expect.to_string();
    let own = [("expect", number.as_str()), (AFTER, after)];
    let own = own.into_iter().filter(|(_, value)| !value.is_empty());
    let asked = Asked::of(filters.without(AFTER).chain(own))?;
    let step = acted(&state, &session.principal, act.job_act(&fields)?, asked).await?;
    let sums = Acted {
        done: step.done.saturating_add(sum(&fields, "done")),
        refused: step.refused.saturating_add(sum(&fields, "refused")),
        unchanged: step.unchanged.saturating_add(sum(&fields, "unchanged")),
        ..step
    };
    Ok(shown(act, &session, &filters, &fields, (expect, Some(sums))))
}

/// Returns a number of a form; 0 if there is none.
fn sum(fields: &Fields, name: &str) -> u64 {
    let digits: String = fields.value(name).chars().filter(char::is_ascii_digit).collect();
    digits.parse().unwrap_or(0)
}

fn shown(
    act: Act,
    session: &Session,
    filters: &Filters,
    fields: &Fields,
    (expect, sums): (u64, Option<Acted>),
) -> Response {
    let frame = Frame::of(session, links::JOBS, format!("{} all that match", act.verb()));
    let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
    answer(StatusCode::OK, frame, |frame| Page {
        frame,
        path: links::with(act.path(), filters.without(AFTER)),
        list: links::jobs(filters.without(AFTER)),
        filters: filters.without(AFTER).map(owned).collect(),
        verb: act.verb(),
        effect: act.effect(),
        paces: matches!(act, Act::Pace),
        pace: fields.value("per_second").to_owned(),
        expect,
        jobs: words::many(expect, "job", "jobs"),
        taken: expect.saturating_sub(sums.as_ref().map_or(expect, |sums| sums.left)),
        typed: expect > TYPED,
        sums,
    })
}
