//! The progress of a deletion by query and its slices, in OpenSearch's format.

use std::collections::HashMap;

use lethe_common::job::{JobId, StoreKind};
use lethe_common::ledger::{JobView, SliceCounts};
use serde::Serialize;
use utoipa::ToSchema;

use crate::compat::outcome::most;
use crate::http::problem::Problem;
use crate::state::AppState;

/// The progress of a deletion by query.
#[derive(Serialize, ToSchema)]
#[schema(as = OpenSearchStatus)]
pub(super) struct Status {
    /// The number of a slice.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    slice_id: Option<usize>,
    /// Memories that are known to match.
    total: u64,
    updated: u64,
    created: u64,
    /// Erased memories.
    deleted: u64,
    batches: u64,
    /// Memories that changed meanwhile and stay, that a hold keeps, or that another job erased.
    version_conflicts: u64,
    noops: u64,
    retries: Retries,
    /// Milliseconds of waiting to keep the pace. A slice has its share of the job's wait.
    throttled_millis: u64,
    /// The pace in memories per second. -1 means no limit. A slice has its share of the job's pace.
    requests_per_second: f64,
    /// Milliseconds until the next batch may start.
    throttled_until_millis: u64,
    /// The slices, if there are several. Each counts some of the job's partitions.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, no_recursion)]
    slices: Option<Vec<Status>>,
}

/// Always 0: retries are not counted one by one.
#[derive(Default, Serialize, ToSchema)]
#[schema(as = OpenSearchRetries)]
struct Retries {
    bulk: u64,
    search: u64,
}

/// The parts of a status that the view of a job does not hold.
pub(super) struct Details {
    /// The default batch size of workers, in memories.
    batch: u32,
    slices: HashMap<JobId, Vec<SliceCounts>>,
}

impl Details {
    /// Reads the details of jobs.
    ///
    /// # Errors
    /// The ledger cannot return their slices.
    pub(super) async fn of(state: &AppState, jobs: &[JobView]) -> Result<Self, Problem> {
        let sliced: Vec<JobId> = jobs
            .iter()
            .filter(|job| job.slices.is_some())
            .map(|job| job.id)
            .collect();
        Ok(Self {
            batch: state.config().worker.batch,
            slices: if sliced.is_empty() {
                HashMap::new()
            } else {
                state.ledger().slices(&sliced).await?
            },
        })
    }
}

impl Status {
    /// Returns the status of a job.
    pub(super) fn new(job: &JobView, details: &Details) -> Self {
        let batch = u64::from(details.batch).min(job.batch.unwrap_or(u64::MAX)).max(1);
        let whole = Self {
            slice_id: None,
            total: job.selected,
            updated: 0,
            created: 0,
            deleted: most(job, "erased"),
            batches: job.selected.saturating_sub(job.remaining).div_ceil(batch),
            version_conflicts: conflicts(|outcome| most(job, outcome)) + taken(job),
            noops: 0,
            retries: Retries::default(),
            throttled_millis: job.throttled_ms,
            requests_per_second: job.per_second.unwrap_or(-1.0),
            throttled_until_millis: job.throttled_for_ms,
            slices: None,
        };
        match details.slices.get(&job.id) {
            Some(slices) => whole.sliced(slices, batch),
            None => whole,
        }
    }

    /// Returns the status with slices. They are read after the job and may be newer, so their sums replace its numbers.
    fn sliced(self, counts: &[SliceCounts], batch: u64) -> Self {
        let slices: Vec<Self> = counts
            .iter()
            .enumerate()
            .map(|(id, slice)| self.slice(id, counts.len(), slice, batch))
            .collect();
        let sum = |number: fn(&Self) -> u64| slices.iter().map(number).sum();
        Self {
            total: sum(|slice| slice.total),
            deleted: sum(|slice| slice.deleted),
            batches: sum(|slice| slice.batches),
            version_conflicts: sum(|slice| slice.version_conflicts),
            slices: Some(slices),
            ..self
        }
    }

    /// Returns the status of one of `n` slices. The pace and the wait belong to the job, and each slice has an equal
    /// share.
    fn slice(&self, id: usize, n: usize, counts: &SliceCounts, batch: u64) -> Self {
        let (n, nth) = (n as u64, id as u64);
        let accounted = counts.accounted();
        Self {
            slice_id: Some(id),
            total: accounted + counts.remaining,
            deleted: counts.most("erased"),
            batches: accounted.div_ceil(batch),
            version_conflicts: conflicts(|outcome| counts.most(outcome)) + taken_of(counts),
            retries: Retries::default(),
            throttled_millis: self.throttled_millis / n + u64::from(nth < self.throttled_millis % n),
            requests_per_second: if self.requests_per_second < 0.0 {
                self.requests_per_second
            } else {
                share(self.requests_per_second, n)
            },
            slices: None,
            ..*self
        }
    }
}

/// Returns how many memories stay, because they changed or because a hold keeps them.
fn conflicts(most: impl Fn(&str) -> u64) -> u64 {
    most("conflicted") + most("held")
}

/// Returns how many memories were already gone, erased by another job. OpenSearch calls this a version conflict.
fn taken(job: &JobView) -> u64 {
    let of = |store: StoreKind| job.stores.iter().find(|counts| counts.store == store);
    // The SQL store decides, if the job has one.
    let decides = of(StoreKind::Sql).or_else(|| of(StoreKind::Vector));
    let absent = decides.and_then(|counts| counts.counts.get("absent")).copied();
    // A memory that only the other store still held counts as erased.
    let known = most(job, "erased") + conflicts(|outcome| most(job, outcome));
    absent.unwrap_or(0).min(job.selected.saturating_sub(known))
}

/// Returns the same number for a slice.
fn taken_of(slice: &SliceCounts) -> u64 {
    let decides = slice
        .stores
        .get(&StoreKind::Sql)
        .or_else(|| slice.stores.get(&StoreKind::Vector));
    let absent = decides.and_then(|counts| counts.get("absent")).copied();
    let known = slice.most("erased") + conflicts(|outcome| slice.most(outcome));
    absent.unwrap_or(0).min(slice.accounted().saturating_sub(known))
}

#[expect(clippy::cast_precision_loss, reason = "there are no more than 1,024 slices")]
fn share(pace: f64, n: u64) -> f64 {
    pace / n as f64
}
