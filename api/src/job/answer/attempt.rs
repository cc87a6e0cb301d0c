//! Attempts of a job.

use jiff::Timestamp;
use lethe_common::clock::from_millis;
use lethe_common::ledger::Attempt;
use serde::Serialize;
use utoipa::ToSchema;

use super::store::StoreAnswer;

/// One attempt of a job.
#[derive(Serialize, ToSchema)]
#[schema(as = Attempt)]
pub(crate) struct AttemptAnswer {
    /// 1 for the first.
    pub(crate) attempt: u64,
    /// The state in which it ended, or its present state.
    pub(crate) state: &'static str,
    /// Its last error, a word of a closed list.
    pub(crate) error_code: Option<String>,
    /// When it started.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub(crate) started_at: Option<Timestamp>,
    /// When it ended.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub(crate) ended_at: Option<Timestamp>,
    /// Its counts per store, without the memories that earlier attempts settled.
    pub(crate) stores: Vec<StoreAnswer>,
}

impl AttemptAnswer {
    pub(super) fn new(attempt: Attempt, dry_run: bool) -> Self {
        Self {
            attempt: attempt.attempt,
            state: attempt.state.as_str(),
            error_code: attempt.error_code.map(String::from),
            started_at: attempt.started_at.and_then(from_millis),
            ended_at: attempt.ended_at.and_then(from_millis),
            stores: attempt
                .stores
                .into_iter()
                .map(|store| StoreAnswer::new(store, dry_run))
                .collect(),
        }
    }
}
