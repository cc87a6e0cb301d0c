//! The reason why a job does not move, as callers see it.

use jiff::Timestamp;
use lethe_common::clock::from_millis;
use lethe_common::job::StoreKind;
use lethe_common::ledger::Wait;
use serde::Serialize;
use utoipa::ToSchema;

/// The reason why a job does not move now.
#[derive(Serialize, ToSchema)]
#[schema(as = Wait)]
pub(crate) struct WaitAnswer {
    /// `window`: no window of its schedule is open. `not_before`: its request names a later start. `pause`: an operator
    /// paused its target, or everything. `worker`: no worker reports. `mapping`: no worker has its mapping, or the mapping
    /// does not fit. `store`: a store fails. `pace`: its `per_second`. `turn`: it waits for a free worker.
    #[schema(example = "store")]
    pub(crate) reason: &'static str,
    /// When that began, if it is known.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub(crate) since: Option<Timestamp>,
    /// When that ends, or when the next attempt follows, if it is known.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub(crate) until: Option<Timestamp>,
    /// The target, if it is about one.
    pub(crate) target: Option<String>,
    /// The table, if it is about one.
    pub(crate) table: Option<String>,
    /// `sql` or `vector`, if it is about that store.
    pub(crate) store: Option<&'static str>,
    /// The error of the store or of the mapping, a word of a closed list.
    pub(crate) code: Option<String>,
    /// The same in one sentence for people.
    pub(crate) detail: String,
}

impl From<Wait> for WaitAnswer {
    fn from(wait: Wait) -> Self {
        Self {
            detail: wait.to_string(),
            reason: wait.reason.as_str(),
            since: wait.since.and_then(from_millis),
            until: wait.until.and_then(from_millis),
            target: wait.target,
            table: wait.table,
            store: wait.store.map(StoreKind::as_str),
            code: wait.code.map(String::from),
        }
    }
}
