//! The failures of a deletion by query, one per memory where the ledger knows the memories.

use axum::http::StatusCode;
use lethe_common::error_code::{ErrorCode, StoredCode};
use lethe_common::job::StoreKind;
use lethe_common::ledger::{ItemCursor, ItemRow, JobView};
use lethe_common::state::State;
use serde::Serialize;
use utoipa::ToSchema;

use crate::http::problem::Problem;
use crate::state::AppState;

/// The failure of a memory, or of the whole job.
#[derive(Serialize, ToSchema)]
#[schema(as = OpenSearchFailure)]
pub(super) struct Failure {
    /// The table.
    index: String,
    /// The memory's id, if the failure is about one memory.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    id: Option<String>,
    cause: FailureCause,
    status: u16,
}

/// The cause of a failure.
#[derive(Serialize, ToSchema)]
#[schema(as = OpenSearchFailureCause)]
struct FailureCause {
    /// The kind of error.
    #[schema(example = "version_conflict_engine_exception")]
    r#type: &'static str,
    /// The text of the error.
    reason: String,
    /// Always 0, and only for a memory: a table has no shards.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    shard: Option<&'static str>,
    /// The table, only for a memory.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    index: Option<String>,
}

impl Failure {
    pub(super) fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// Returns the failure of a memory that changed after the acceptance, whose time is the sequence number.
    fn conflict(job: &JobView, index: &str, id: Option<String>) -> Self {
        let name = id.as_deref().unwrap_or("…");
        let reason = format!(
            "[{name}]: version conflict, required seqNo [{}], primary term [1]. it has changed since",
            job.accepted_at
        );
        Self {
            index: index.to_owned(),
            id,
            cause: FailureCause {
                r#type: "version_conflict_engine_exception",
                reason,
                shard: Some("0"),
                index: Some(index.to_owned()),
            },
            status: 409,
        }
    }

    /// Returns the failure of a memory or, without an id, of the whole job.
    fn other(index: &str, id: Option<String>, code: &str) -> Self {
        let of_one = id.is_some();
        Self {
            index: index.to_owned(),
            id,
            cause: FailureCause {
                r#type: "status_exception",
                reason: code.to_owned(),
                shard: of_one.then_some("0"),
                index: of_one.then(|| index.to_owned()),
            },
            status: 500,
        }
    }
}

/// The most failures in an answer.
const MOST: u32 = 1_000;

/// Returns the failures of an ended job.
///
/// # Errors
/// The ledger cannot return the failed memories.
pub(super) async fn of(state: &AppState, job: &JobView) -> Result<Vec<Failure>, Problem> {
    let index = job.table.clone().unwrap_or_default();
    let Some(code) = job.error_code.as_ref().filter(|_| job.state == State::Failed) else {
        return Ok(Vec::new());
    };
    let is_conflict = code.known() == Some(ErrorCode::Conflict);
    let mut failures = Vec::new();
    if is_conflict {
        let conflicted = items(state, job, "conflicted").await?;
        failures.extend(
            conflicted
                .into_iter()
                .map(|item| Failure::conflict(job, &index, Some(item.id))),
        );
    }
    for item in items(state, job, "failed").await? {
        // The row changed after its vector was deleted.
        let is_split = item.code.as_ref().and_then(StoredCode::known) == Some(ErrorCode::Split);
        failures.push(if is_split {
            Failure::conflict(job, &index, Some(item.id))
        } else {
            Failure::other(&index, Some(item.id), item.code.as_ref().unwrap_or(code))
        });
    }
    for item in items(state, job, "residue").await? {
        let is_new = failures.iter().all(|failure| failure.id.as_ref() != Some(&item.id));
        if is_new {
            failures.push(Failure::other(&index, Some(item.id), ErrorCode::Residue.as_str()));
        }
    }
    failures.truncate(MOST as usize);
    if failures.is_empty() {
        failures.push(if is_conflict {
            Failure::conflict(job, &index, None)
        } else {
            Failure::other(&index, None, code)
        });
    }
    Ok(failures)
}

/// Returns the memories with an outcome in the deciding store or, except for conflicts, only in the other store.
async fn items(state: &AppState, job: &JobView, outcome: &str) -> Result<Vec<ItemRow>, Problem> {
    // The SQL store decides, if the job has one.
    let rows = job.stores.iter().any(|counts| counts.store == StoreKind::Sql);
    let decides = if rows { StoreKind::Sql } else { StoreKind::Vector };
    let first = ItemCursor::default();
    let items = state.ledger().items(job.id, outcome, first, MOST).await?;
    let (mut deciding, others): (Vec<_>, Vec<_>) = items.into_iter().partition(|item| item.store == decides.as_str());
    if outcome != "conflicted" {
        let known: std::collections::HashSet<String> = deciding.iter().map(|item| item.id.clone()).collect();
        deciding.extend(others.into_iter().filter(|item| !known.contains(&item.id)));
    }
    Ok(deciding)
}
