//! Why a deletion by query did not erase everything: memory by memory, where it is known.

use axum::http::StatusCode;
use lethe_common::error_code::{ErrorCode, StoredCode};
use lethe_common::job::StoreKind;
use lethe_common::ledger::{ItemRow, JobView};
use lethe_common::state::State;
use serde::Serialize;
use utoipa::ToSchema;

use crate::http::problem::Problem;
use crate::state::AppState;

/// Why not everything could be erased.
#[derive(Serialize, ToSchema)]
#[schema(as = OpenSearchFailure)]
pub(super) struct Failure {
    /// The table.
    index: String,
    /// The memory's id, where it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    id: Option<String>,
    cause: FailureCause,
    status: u16,
}

/// Why a memory, or the rest, could not be erased.
#[derive(Serialize, ToSchema)]
#[schema(as = OpenSearchFailureCause)]
struct FailureCause {
    /// What kind of error it is.
    #[schema(example = "version_conflict_engine_exception")]
    r#type: &'static str,
    /// What went wrong.
    reason: String,
    /// Always 0, of a memory: a table has no shards.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    shard: Option<&'static str>,
    /// The table, of a memory.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    index: Option<String>,
}

impl Failure {
    pub(super) fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// Says that a memory has changed since the deletion was accepted, whose sequence number that is.
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

    /// Says why a memory, or the rest, could not be erased.
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

/// The most memories that are named as failures.
const MOST: u32 = 1_000;

/// Returns why a job that has ended did not erase everything.
///
/// # Errors
/// If the ledger cannot say which memories it is about.
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
        // It changed after its vector had gone.
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

/// Returns the memories that met an outcome in the store that decides, or in the other one alone.
async fn items(state: &AppState, job: &JobView, outcome: &str) -> Result<Vec<ItemRow>, Problem> {
    // Rows decide, where a table has any.
    let rows = job.stores.iter().any(|counts| counts.store == StoreKind::Sql);
    let decides = if rows { StoreKind::Sql } else { StoreKind::Vector };
    let items = state.ledger().items(job.id, outcome, ("", "", ""), MOST).await?;
    let (mut deciding, others): (Vec<_>, Vec<_>) = items.into_iter().partition(|item| item.store == decides.as_str());
    if outcome != "conflicted" {
        let known: std::collections::HashSet<String> = deciding.iter().map(|item| item.id.clone()).collect();
        deciding.extend(others.into_iter().filter(|item| !known.contains(&item.id)));
    }
    Ok(deciding)
}
