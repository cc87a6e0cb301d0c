//! Surveying a partition: the same selection as an erasure, counted and digested but not erased.

use std::collections::BTreeMap;

use lethe_common::job::{Outcome, StoreKind};
use lethe_common::ledger::{ItemOutcome, Lease, Route, Work};
use lethe_common::metrics::StoreCall;
use lethe_common::selection::{Selection, Sighting};

use crate::job::batch;
use crate::job::cursor::Cursor;
use crate::job::held;
use crate::job::intent::{Dropped, Entry, Vectors};
use crate::job::resolve::resolve;
use crate::lease::{Environment, LeaseGuard, Stop};
use crate::store::StoreError;
use crate::targets::Mapped;

/// The number of memories that a preview names: of a job's first list, and of each table.
const SAMPLE: usize = 100;

/// The result of a survey.
#[derive(Default)]
pub(crate) struct Survey {
    /// The selection that an erasure would delete.
    pub(crate) found: Selection,
    /// The number of memories that were listed or found.
    pub(crate) memories: u64,
    /// The outcome that an erasure would have. [`Outcome::Left`] stands for found and not touched.
    pub(crate) counts: BTreeMap<(StoreKind, Outcome), u64>,
    /// The memories of a list that an erasure would not delete, and a sample of the others.
    pub(crate) items: Vec<ItemOutcome>,
    named: usize,
}

/// Surveys all memories of a lease, page by page.
pub(crate) async fn survey(env: &Environment, mapped: &Mapped, lease: &LeaseGuard) -> Result<Survey, Stop> {
    let mut survey = Survey::default();
    let mut cursor = Some(Cursor::default());
    while let Some(from) = cursor {
        // The number of pages has no bound.
        lease.keep(env).await?;
        let (entries, workspaces, then) = page(env, mapped, lease, from).await?;
        for (name, rows) in workspaces {
            survey.found.add_workspace(name.unwrap_or_default(), rows);
        }
        for entry in &entries {
            survey.add(lease, &mapped.route, entry);
        }
        cursor = then;
    }
    Ok(survey)
}

type Page = (Vec<Entry>, Vec<(Option<String>, u64)>, Option<Cursor>);

async fn page(env: &Environment, mapped: &Mapped, lease: &LeaseGuard, from: Cursor) -> Result<Page, Stop> {
    let batch = batch::next(env, mapped, lease, from.clone()).await?;
    let mut entries = Vec::new();
    if !batch.items.is_empty() {
        entries = resolve(env, mapped, &batch.items, batch.listed, &[lease.fence()]).await?;
    }
    let then = batch.then_after(lease, &from, entries.len());
    entries.extend(batch.orphans);
    let holds = env.holds(mapped, &[lease.fence()]).await?;
    held::mark(env, mapped, &holds, &mut entries.iter_mut().collect::<Vec<_>>()).await?;
    let workspaces = workspaces(env, mapped, &entries).await?;
    Ok((entries, workspaces, then))
}

/// Counts the rows of a page by their workspace.
async fn workspaces(
    env: &Environment,
    mapped: &Mapped,
    entries: &[Entry],
) -> Result<Vec<(Option<String>, u64)>, StoreError> {
    let rows: Vec<&str> = entries
        .iter()
        .filter(|entry| entry.row && entry.seen.dropped.is_none())
        .filter_map(|entry| entry.id.as_deref())
        .collect();
    match mapped.sql().await? {
        Some(table) if !rows.is_empty() => {
            let asked = table.workspaces(&rows);
            env.call(mapped, StoreKind::Sql, StoreCall::Count, asked).await
        }
        _ => Ok(Vec::new()),
    }
}

impl Survey {
    fn add(&mut self, lease: &Lease, route: &Route, entry: &Entry) {
        self.memories += 1;
        let outcomes: Vec<_> = lease
            .stores
            .iter()
            .map(|store| (*store, outcome(entry, *store)))
            .collect();
        for key in &outcomes {
            *self.counts.entry(*key).or_insert(0) += 1;
        }
        let is_found = count(&mut self.found, lease, route, entry);
        let Some(id) = &entry.id else { return };
        let samples = is_found && self.named < SAMPLE && (lease.ordinal == 0 || lease.job.is_unlisted());
        self.named += usize::from(samples);
        let listed = matches!(lease.work, Work::Ids(_));
        for (store, outcome) in outcomes {
            let is_named = if outcome == Outcome::Left { samples } else { listed };
            if is_named {
                self.items.push(ItemOutcome {
                    id: id.clone(),
                    store,
                    outcome: Some(outcome),
                    code: None,
                });
            }
        }
    }
}

/// Adds a memory to a selection if an erasure would delete it. Returns whether it would.
pub(crate) fn count(selection: &mut Selection, lease: &Lease, route: &Route, entry: &Entry) -> bool {
    let found = |store| lease.stores.contains(&store) && outcome(entry, store) == Outcome::Left;
    let (row, vectors) = (found(StoreKind::Sql), found(StoreKind::Vector));
    let point = entry.points.first().map(|point| point.text());
    if (row || vectors)
        && let Some(id) = entry.id.as_deref().or(point.as_deref())
    {
        selection.add(route, Sighting { id, row, vectors });
    }
    row || vectors
}

fn outcome(entry: &Entry, store: StoreKind) -> Outcome {
    match (store, entry.seen.dropped) {
        (StoreKind::Sql, Some(Dropped::HeldPoints)) => return Outcome::Absent,
        // An erasure could not queue it again.
        (StoreKind::Vector, Some(Dropped::HeldPoints)) if entry.id.is_none() => return Outcome::Unverifiable,
        (_, Some(Dropped::Held | Dropped::HeldPoints)) => return Outcome::Held,
        (_, Some(_)) => return Outcome::Conflicted,
        (_, None) => {}
    }
    match (store, entry.vectors) {
        (StoreKind::Sql, _) if entry.row => Outcome::Left,
        (StoreKind::Vector, vectors) if vectors.go() => Outcome::Left,
        (StoreKind::Vector, Vectors::Unverifiable) => Outcome::Unverifiable,
        (_, Vectors::Changed | Vectors::Disagree) => Outcome::Conflicted,
        _ => Outcome::Absent,
    }
}
