//! Personal data of a job, which a page shows only after a form asked for it. Each time leaves an audit event.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::response::Response;
use lethe_common::job::{JobId, Outcome};
use lethe_common::ledger::{Act, Aim, JobView, ListedIds, Object};
use strum::IntoEnumIterator as _;

use super::page::with;
use super::request::MOST_IDS;
use crate::auth::Principal;
use crate::console::form::Posted;
use crate::console::words;
use crate::http::extract::JobPath;
use crate::http::problem::{Kind, Problem};
use crate::job::visible::visible;
use crate::routes::jobs::items::{self, ItemList, ItemParams};
use crate::state::AppState;

/// The personal data that a form asked for.
#[derive(Default)]
pub(super) struct Shown {
    pub(super) items: Option<Items>,
    pub(super) selection: Option<Selection>,
}

/// The memories that a job is about.
pub(super) struct Selection {
    /// The person, the owner and the workspace.
    pub(super) aim: Aim,
    /// The ids, of a job by ids.
    pub(super) listed: ListedIds,
}

/// A page of a job's memories.
pub(super) struct Items {
    pub(super) outcome: String,
    pub(super) list: ItemList,
}

/// An outcome whose memories are listed.
pub(super) struct Listed {
    pub(super) outcome: &'static str,
    pub(super) memories: String,
}

impl Listed {
    /// Returns the outcomes that memories of a job have; none if their ids are forgotten.
    pub(super) fn all(job: &JobView) -> Vec<Self> {
        if job.forgotten_at.is_some() {
            return Vec::new();
        }
        let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
        for (outcome, n) in job.stores.iter().flat_map(|store| &store.counts) {
            *counts.entry(outcome).or_default() += n;
        }
        // A dry run's memories are counted as left, and listed as found.
        let found = job.dry_run.then_some((Outcome::Left.as_str(), "found"));
        let listed = Outcome::iter().filter(|outcome| outcome.is_listed());
        let words = listed.map(|outcome| (outcome.as_str(), outcome.as_str()));
        let all = found.into_iter().chain(words).chain([("residue", "residue")]);
        let some = all.filter_map(|(counted, outcome)| {
            let n = counts.get(counted).copied().filter(|n| *n > 0)?;
            let memories = words::count(n);
            Some(Self { outcome, memories })
        });
        some.collect()
    }
}

/// Shows memories of a job with one outcome.
pub(in crate::console) async fn show_items(
    State(state): State<AppState>,
    JobPath(id): JobPath,
    Posted { session, fields }: Posted,
) -> Result<Response, Problem> {
    let given = |name| Some(fields.value(name).to_owned()).filter(|value| !value.is_empty());
    let params = ItemParams {
        outcome: given("outcome"),
        after: given("after"),
        limit: None,
    };
    let list = items::listed(&state, &session.principal, id, params).await?;
    let shown = Shown {
        items: Some(Items {
            outcome: fields.value("outcome").to_owned(),
            list,
        }),
        selection: None,
    };
    with(&state, &session, id, shown).await
}

/// Shows the ids, the person, the owner and the workspace of a job.
pub(in crate::console) async fn show_selection(
    State(state): State<AppState>,
    JobPath(id): JobPath,
    Posted { session, .. }: Posted,
) -> Result<Response, Problem> {
    let selection = Some(selection(&state, &session.principal, id).await?);
    with(&state, &session, id, Shown { items: None, selection }).await
}

/// Returns the ids, the person, the owner and the workspace of a job to a caller that controls it.
async fn selection(state: &AppState, principal: &Principal, id: JobId) -> Result<Selection, Problem> {
    principal.require_control(&visible(state, principal, id).await?)?;
    let aim = state.ledger().aims(&[id]).await?.remove(&id);
    let forgotten = || Problem::new(Kind::Forgotten, "the retention of this job's ids has passed");
    let aim = aim.ok_or_else(forgotten)?;
    let listed = state.ledger().first_ids(id, MOST_IDS).await?;
    state.readings().note(principal, Act::JobItems, Object::Job(id)).await?;
    Ok(Selection { aim, listed })
}
