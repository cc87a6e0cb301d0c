//! Accepting a job: one transaction for the job, its partitions and its idempotency key.

use serde_json::Value;
use sqlx::AnyConnection;

use super::jobs_table::insert_jobs;
use super::join;
use super::keys::reserve_keys;
use super::labels::insert_labels;
use super::new_job::{Accepted, NewJob};
use super::partitions::{insert_partitions, partition_rows};
use crate::ledger::db::{Grouped, Inner, Ledger, LedgerError};
use crate::ledger::partition_state::PartitionState;
use crate::ledger::totals::{Increment, TotalsMetric};
use crate::ledger::types::Kind;
use crate::state::State;

/// A request whose bytes stay in memory until its job is written.
pub trait HeldRequest: Send + Sync + 'static {
    /// Returns its bytes.
    fn bytes(&self) -> usize;
}

impl Ledger {
    /// Accepts a job. Once this returns, the job is on disk.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Unavailable`] if the database did not answer. Then the job does not exist, or only the
    /// answer was lost: a retry finds such a job by its idempotency key. [`LedgerError::Contended`] if the job of the
    /// same request ended at each try.
    pub async fn accept(&self, job: NewJob) -> Result<Accepted, LedgerError> {
        self.accept_holding(job, None).await
    }

    /// Accepts a job, and holds its request's bytes until it is written, even if the caller stopped waiting.
    ///
    /// # Errors
    ///
    /// As [`Ledger::accept`].
    pub async fn accept_holding(
        &self,
        job: NewJob,
        held: Option<Box<dyn HeldRequest>>,
    ) -> Result<Accepted, LedgerError> {
        self.inner.groups.together(Accepting { job, held }).await
    }
}

/// A job that waits for its group.
struct Accepting {
    job: NewJob,
    held: Option<Box<dyn HeldRequest>>,
}

/// The number of bytes that count as one id in the size of a group.
// Twenty thousand ids of the usual length are 1 MiB. A group of longer ids or queries has 5 MB.
const BYTES: usize = 250;

impl Grouped for Accepting {
    type Answer = Accepted;

    // Counted in ids, so that a few huge requests do not make one huge statement.
    const GROUP: usize = 20_000;

    const GATHERS: bool = true;

    fn size(&self) -> usize {
        let ids = usize::try_from(self.job.ids()).unwrap_or(usize::MAX);
        let bytes = self.held.as_ref().map_or(0, |held| held.bytes());
        ids.saturating_add(bytes / BYTES)
    }

    async fn together(inner: &Inner, group: &[Self]) -> Result<Vec<Accepted>, LedgerError> {
        let jobs: Vec<&NewJob> = group.iter().map(|one| &one.job).collect();
        write(inner, &jobs).await
    }
}

/// Writes a group of jobs in one transaction.
async fn write(inner: &Inner, jobs: &[&NewJob]) -> Result<Vec<Accepted>, LedgerError> {
    let mut tx = inner.begin().await?;
    let mut answers = reserve_keys(inner, &mut tx, jobs).await?;
    let mut new = jobs.to_vec();
    new.retain(|job| !answers.contains_key(&job.id));
    if !new.is_empty() {
        let joining = join::insert_jobs(inner, &mut tx, &new).await?;
        new.retain(|job| !joining.contains_key(&job.id));
        answers.extend(joining.into_iter().map(|(id, joined)| (id, Accepted::Replay(joined))));
        let increments = insert_rest(inner, &mut tx, &new).await?;
        inner.add_totals(&mut tx, increments).await?;
    }
    tx.commit().await?;
    let answer = |job: &&NewJob| answers.remove(&job.id).unwrap_or(Accepted::New(job.id));
    Ok(jobs.iter().map(answer).collect())
}

/// Inserts jobs with their labels and partitions. Returns the additions to the totals.
pub(in crate::ledger) async fn insert(
    inner: &Inner,
    tx: &mut AnyConnection,
    new: &[&NewJob],
) -> Result<Vec<Increment>, LedgerError> {
    insert_jobs(inner, tx, new, State::Queued).await?;
    insert_rest(inner, tx, new).await
}

/// Inserts the labels and partitions of inserted jobs. Returns the additions of these jobs to the totals.
async fn insert_rest(inner: &Inner, tx: &mut AnyConnection, new: &[&NewJob]) -> Result<Vec<Increment>, LedgerError> {
    let rows: Vec<Value> = new
        .iter()
        .flat_map(|job| partition_rows(job.id, 0, PartitionState::Due, job))
        .collect();
    insert_labels(inner, tx, new).await?;
    insert_partitions(inner, tx, &rows).await?;
    let increments = new
        .iter()
        .flat_map(|job| std::iter::once(Increment::new(TotalsMetric::Accepted, "", None, "", 1)).chain(selected(job)));
    Ok(increments.collect())
}

/// Returns the additions of an accepted job to the totals of selected memories.
fn selected(job: &NewJob) -> impl Iterator<Item = Increment> {
    job.partitions
        .iter()
        .filter(|partition| matches!(partition.kind, Kind::Erase | Kind::Check))
        .flat_map(|partition| {
            partition.stores.iter().map(|store| {
                Increment::new(
                    TotalsMetric::Selected,
                    &partition.route.target,
                    Some(*store),
                    "",
                    partition.remaining,
                )
            })
        })
}
