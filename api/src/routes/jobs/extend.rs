//! The extension of a job's deadline, as far as the job's regime allows.

use jiff::Timestamp;
use lethe_common::clock::{from_millis, to_millis};
use lethe_common::job::JobId;
use lethe_common::ledger::{Deadline, ExtendOutcome, JobView};
use lethe_common::receipt::ExtensionReason;
use lethe_common::state::State;
use serde::Deserialize;
use strum::VariantNames as _;
use utoipa::ToSchema;

use crate::auth::Principal;
use crate::deletion::request::time;
use crate::http::json::given;
use crate::http::problem::{Kind, Problem};
use crate::job::changed;
use crate::job::visible::visible;
use crate::state::AppState;

/// An extension of a job's deadline. Tell the person of it before the deadline.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Extend {
    /// Why: `complexity` or `number_of_requests`, the two reasons of Article 12(3) of the GDPR.
    #[schema(example = "complexity")]
    pub(crate) reason: String,
    /// The later deadline. Absent: the latest that the regime allows.
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false, format = "date-time")]
    pub(crate) until: Option<String>,
}

/// Extends the deadline of a job that the caller [controls](super::change::controlled), and returns the job as it is then.
pub(crate) async fn extended(
    state: &AppState,
    principal: &Principal,
    id: JobId,
    asked: Extend,
) -> Result<JobView, Problem> {
    let reason = reason(&asked.reason)?;
    let until = asked.until.as_deref().map(|text| time(UNTIL, text)).transpose()?;
    let job = visible(state, principal, id).await?;
    if job.ended_at.is_some() {
        return Err(ended(job.state));
    }
    let Some(deadline) = &job.legal.deadline else {
        return Err(not_extendable("the job has no deadline"));
    };
    if deadline.extended.is_some() {
        return Err(not_extendable(AGAIN));
    }
    let until = bounded(state, deadline, until)?;
    match state.ledger().extend(id, until, reason, &principal.actor()).await? {
        ExtendOutcome::Accepted => {
            changed::ring(state, id);
            visible(state, principal, id).await
        }
        ExtendOutcome::Ended(state) => Err(ended(state)),
        ExtendOutcome::NoDeadline => Err(not_extendable("the job has no deadline")),
        ExtendOutcome::Again => Err(not_extendable(AGAIN)),
        ExtendOutcome::Passed => Err(not_extendable(
            "the deadline has passed: a person hears of an extension before it",
        )),
        ExtendOutcome::NotLater => Err(Problem::invalid(UNTIL, "write a time after the deadline")),
        ExtendOutcome::Unknown => Err(Problem::unknown_job()),
    }
}

/// The field of the later deadline.
const UNTIL: &str = "extend.until";

/// The detail of a second extension.
const AGAIN: &str = "the deadline was extended before: it is extended once";

/// Returns the later deadline in milliseconds since 1970: the one that is asked for, or the latest.
fn bounded(state: &AppState, deadline: &Deadline, until: Option<Timestamp>) -> Result<i64, Problem> {
    let Some(regime) = state.config().deadlines.regime(&deadline.regulation) else {
        let what = "the configuration of this API no longer has the job's regime: add it to [[deadlines.regime]]";
        return Err(not_extendable(what));
    };
    let latest = regime.latest(deadline.received_at).unwrap_or(deadline.due_at);
    if latest <= deadline.due_at {
        return Err(not_extendable("the job's regime allows no extension"));
    }
    let until = until.map_or(latest, to_millis);
    if until <= deadline.due_at || until > latest {
        let shown = |at| from_millis(at).map_or_else(String::new, |at| at.to_string());
        let (due, latest) = (shown(deadline.due_at), shown(latest));
        let what = format_args!("write a time after {due}, {latest} at the latest");
        return Err(Problem::invalid(UNTIL, what));
    }
    Ok(until)
}

fn reason(word: &str) -> Result<ExtensionReason, Problem> {
    word.parse().map_err(|_| {
        let words = ExtensionReason::VARIANTS.join("` or `");
        Problem::invalid("extend.reason", format_args!("write `{words}`"))
    })
}

fn ended(state: State) -> Problem {
    Problem::new(
        Kind::JobEnded,
        format!("the job is {}: there is nothing to extend", state.as_str()),
    )
}

fn not_extendable(detail: &str) -> Problem {
    Problem::new(Kind::NotExtendable, detail)
}
