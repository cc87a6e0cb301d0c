//! The results of each single attempt of a job.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::counts::StoreCounts;
use super::job::JobView;
use crate::error_code::StoredCode;
use crate::state::State;

/// One attempt of a job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// 1 for the first.
    pub attempt: u64,
    /// Its final state, or its present state.
    pub state: State,
    /// Its last error.
    pub error_code: Option<StoredCode>,
    /// The time at which its first partition was claimed, in milliseconds since 1970.
    pub started_at: Option<i64>,
    /// The time of its end, or since when it is held, in milliseconds since 1970.
    pub ended_at: Option<i64>,
    /// Its own counts, by store, without the memories that earlier attempts settled.
    pub stores: Vec<StoreCounts>,
}

impl Attempt {
    /// Returns the only attempt that a job has had.
    pub(in crate::ledger) fn first(job: &JobView) -> Self {
        Self::of(job, job.stores.clone())
    }

    /// Returns the present attempt of a job. `carried` are the counts with which the attempt began.
    pub(in crate::ledger) fn present(job: &JobView, carried: &[StoreCounts]) -> Self {
        let own = job.stores.iter().map(|store| {
            let before = carried
                .iter()
                .find(|before| (&before.target, before.store) == (&store.target, store.store));
            let nothing = BTreeMap::new();
            let (counts, dependents) =
                before.map_or((&nothing, &nothing), |before| (&before.counts, &before.dependents));
            StoreCounts {
                counts: less(&store.counts, counts),
                dependents: less(&store.dependents, dependents),
                ..store.clone()
            }
        });
        Self::of(job, own.collect())
    }

    fn of(job: &JobView, stores: Vec<StoreCounts>) -> Self {
        Self {
            attempt: job.attempt,
            state: job.state,
            error_code: job.error_code.clone(),
            started_at: job.started_at,
            ended_at: job.ended_at.or(job.held_at),
            stores,
        }
    }
}

/// Returns the counts less `before`, by word.
fn less(counts: &BTreeMap<String, u64>, before: &BTreeMap<String, u64>) -> BTreeMap<String, u64> {
    let less = counts.iter().map(|(word, n)| {
        let n = n.saturating_sub(before.get(word).copied().unwrap_or(0));
        (word.clone(), n)
    });
    less.filter(|(_, n)| *n > 0).collect()
}
