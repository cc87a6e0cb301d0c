//! Moving jobs whose phase has ended to their next phase.

use std::collections::{HashMap, HashSet};

use sqlx::AnyConnection;

use super::end::{close_blocked, end};
use super::found;
use super::held::hold_back;
use super::look_back::look_back;
use super::phase::{move_on, read_back, unblock};
use super::step::{JobRow, step};
use crate::error_code::ErrorCode;
use crate::job::JobId;
use crate::ledger::db::rows::Key;
use crate::ledger::db::{Inner, LedgerError};
use crate::ledger::receipts;
use crate::ledger::totals::{Increment, TotalsMetric};
use crate::ledger::types::{Fence, JobEnd};
use crate::state::Event;

/// The result of [`advance`].
#[derive(Default)]
pub(in crate::ledger) struct Advanced {
    pub(in crate::ledger) ended: HashMap<JobId, JobEnd>,
    /// Jobs that have become held. They go on when a hold is released.
    pub(in crate::ledger) held: HashMap<JobId, JobEnd>,
    /// Jobs whose next phase has begun: its partitions are due.
    pub(in crate::ledger) due: HashSet<JobId>,
    /// Partitions to be read back now, under the lease that erased them.
    pub(in crate::ledger) read_back: HashSet<Key>,
    /// Whether other partitions are due to be read back.
    pub(in crate::ledger) others: bool,
    pub(in crate::ledger) totals: Vec<Increment>,
}

impl Advanced {
    fn end(&mut self, jobs: HashMap<JobId, JobEnd>) {
        let count = |end: &JobEnd| Increment::new(TotalsMetric::Ended, "", None, end.state.as_str(), 1);
        self.totals.extend(jobs.values().map(count));
        self.ended.extend(jobs);
    }
}

/// Moves on the jobs that have no unfinished partition left, and stores the receipts of those that ended or became held.
/// `finishing` are the partitions that this transaction ends.
// All ends of jobs pass here, but those of `record/ends.rs`.
pub(in crate::ledger) async fn advance(
    inner: &Inner,
    tx: &mut AnyConnection,
    jobs: Vec<JobRow>,
    finishing: &[Fence],
) -> Result<Advanced, LedgerError> {
    // A dry run has no receipt: it erased nothing.
    let dry: HashSet<JobId> = jobs.iter().filter(|job| job.dry_run).map(|job| job.id).collect();
    let advanced = move_each(inner, tx, jobs, finishing).await?;
    let rest = advanced.ended.keys().chain(advanced.held.keys());
    let rest: Vec<JobId> = rest.filter(|id| !dry.contains(id)).copied().collect();
    receipts::store(inner, tx, &rest).await?;
    Ok(advanced)
}

async fn move_each(
    inner: &Inner,
    tx: &mut AnyConnection,
    jobs: Vec<JobRow>,
    finishing: &[Fence],
) -> Result<Advanced, LedgerError> {
    let (over, open): (Vec<JobRow>, Vec<JobRow>) = jobs.into_iter().partition(|job| job.ended_after.is_some());
    let mut ready: Vec<JobRow> = open.into_iter().filter(|job| job.unfinished == 0).collect();
    let mut advanced = Advanced::default();
    let over = over.into_iter().filter_map(|job| {
        let end = JobEnd {
            id: job.id,
            state: job.state,
            duration_ms: job.ended_after?.max(0),
        };
        Some((job.id, end))
    });
    advanced.end(over.collect());
    if ready.is_empty() {
        return Ok(advanced);
    }
    look_back(inner, tx, &mut ready).await?;
    found::gather(inner, tx, &mut ready).await?;
    let mut steps: HashMap<Event, Vec<(&JobRow, Option<ErrorCode>)>> = HashMap::new();
    for job in &ready {
        if let Some((event, code)) = step(job, inner.options.max_rounds) {
            steps.entry(event).or_default().push((job, code));
        }
    }
    for (event, jobs) in steps {
        if matches!(event, Event::Planned | Event::Erased | Event::ResidueFound) {
            advanced.due.extend(jobs.iter().map(|(job, _)| job.id));
        }
        match event {
            Event::Erased => {
                move_on(inner, tx, event, &jobs, "reads_back = 1 AND state = {partition.done}").await?;
                (advanced.read_back, advanced.others) = read_back(inner, tx, &jobs, finishing).await?;
            }
            Event::Planned | Event::ResidueFound => {
                move_on(inner, tx, event, &jobs, "state = {partition.blocked}").await?;
                unblock(inner, tx, &jobs).await?;
            }
            Event::HeldBack => advanced.held.extend(hold_back(inner, tx, &jobs).await?),
            _ => {
                if matches!(event, Event::Failed | Event::Stopped) {
                    advanced.totals.extend(close_blocked(inner, tx, &jobs).await?);
                }
                advanced.end(end(inner, tx, event, &jobs).await?);
            }
        }
    }
    Ok(advanced)
}
