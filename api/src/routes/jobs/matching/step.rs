//! One request of an act: it takes some of the jobs.

use lethe_common::ledger::JobFilter;
use serde::Serialize;
use tokio::time::Instant;
use utoipa::ToSchema;

use super::act::JobAct;
use super::count::{sees, start};
use super::cursor::Cursor;
use super::params::Asked;
use crate::auth::Principal;
use crate::http::problem::{Kind, Problem};
use crate::job::visible::rest;
use crate::routes::answers::problems;
use crate::state::AppState;

problems! {
    /// The problem of an act that expects another number of jobs.
    Miscounted {
        409 "Another number of jobs matches than `expect`"
    }
}

/// The results of one request of an act.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Acted {
    /// Jobs that this request changed.
    pub(crate) done: u64,
    /// Jobs that the caller sees, and may not change.
    pub(crate) refused: u64,
    /// Jobs that could not be changed any more, such as those that had ended meanwhile.
    pub(crate) unchanged: u64,
    /// Matching jobs that no request has taken yet.
    pub(crate) left: u64,
    /// The value of `after` for the next request; `null` if none is needed.
    pub(crate) next: Option<String>,
}

/// Counts the jobs of an act, or takes some of them.
pub(crate) async fn acted(
    state: &AppState,
    principal: &Principal,
    act: JobAct,
    asked: Asked,
) -> Result<Acted, Problem> {
    principal.require_some_control()?;
    if asked.filter.is_empty() && !asked.all {
        return Err(Problem::invalid(
            "all",
            "name a filter, or write `true` to mean all jobs",
        ));
    }
    let after = asked.filter.after.as_deref().map(cursor).transpose()?;
    let mut filter = asked.filter.filter(state, principal)?;
    act.among(&mut filter)?;
    if asked.dry_run {
        let Cursor { left, .. } = start(state, principal, &filter, act.changeable()).await?;
        return Ok(Acted {
            left,
            ..Acted::default()
        });
    }
    let at = match (after, asked.expect) {
        (Some(after), _) => after,
        (None, Some(expect)) => {
            let at = start(state, principal, &filter, act.changeable()).await?;
            if at.left != expect {
                let detail = format!(
                    "{} jobs match now, and nothing was changed: look at them again",
                    at.left
                );
                return Err(Problem::new(Kind::SelectionChanged, detail));
            }
            at
        }
        (None, None) => {
            let what = "write the number of matching jobs, as `dry_run=true` counts them";
            return Err(Problem::invalid("expect", what));
        }
    };
    step(state, principal, act, filter, at).await
}

fn cursor(text: &str) -> Result<Cursor, Problem> {
    let unknown = |_| Problem::invalid("after", "write the `next` of the answer before");
    text.parse().map_err(unknown)
}

/// Takes the next jobs, at most a page of them. A ledger that fails in the middle ends the step: the next request meets
/// it again.
async fn step(
    state: &AppState,
    principal: &Principal,
    act: JobAct,
    mut filter: JobFilter,
    mut at: Cursor,
) -> Result<Acted, Problem> {
    // A request that is cut off would not tell how far it went.
    let stop = Instant::now() + state.config().api.request_timeout / 2;
    filter.after = at.after;
    let found = state
        .ledger()
        .matching(&filter, act.changeable(), Some(at.until))
        .await?;
    let mut is_whole = true;
    let mut acted = Acted::default();
    for job in &found.jobs {
        if at.left == 0 {
            break;
        }
        if sees(principal, job) {
            if Instant::now() >= stop {
                is_whole = false;
                break;
            }
            match act.on(state, principal, job.id).await {
                Ok(()) => acted.done += 1,
                Err(problem) => match problem.kind {
                    Kind::Forbidden => acted.refused += 1,
                    Kind::JobEnded | Kind::JobNotEnded | Kind::Forgotten | Kind::NotFound => acted.unchanged += 1,
                    _ if acted == Acted::default() => return Err(problem),
                    _ => {
                        is_whole = false;
                        break;
                    }
                },
            }
            at.left -= 1;
            at.after = Some(job.id);
        }
    }
    if is_whole && let Some(read) = found.next {
        let place = rest(read, at.after);
        // Another request must not begin at the same job.
        let stays = filter.after.is_some_and(|start| place >= start);
        at.after = Some(if stays { read } else { place });
    }
    if acted.refused > 0 {
        state.refusals().part(principal.actor(), act.noted()).await;
    }
    if is_whole && found.next.is_none() {
        // Jobs that were counted, and changed before their turn.
        acted.unchanged = acted.unchanged.saturating_add(at.left);
        at.left = 0;
    }
    acted.left = at.left;
    acted.next = (at.left > 0).then(|| at.to_string());
    Ok(acted)
}
