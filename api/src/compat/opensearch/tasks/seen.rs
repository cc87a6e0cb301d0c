//! The parts that the task routes share.

use std::collections::HashMap;
use std::time::Duration;

use axum::Json;
use lethe_common::job::JobId;
use lethe_common::ledger::{CancelOutcome, JobView, LedgerError};
use tokio::time::Instant;

use crate::auth::Principal;
use crate::compat::opensearch::status::Details;
use crate::compat::opensearch::task::{GroupBy, TaskId, Tasks, absent};
use crate::compat::opensearch::values::illegal;
use crate::compat::read::Query;
use crate::http::json::short;
use crate::http::prefer::Prefer;
use crate::http::problem::{Kind, Problem};
use crate::job::cancel::cancel;
use crate::job::visible::visible;
use crate::job::watch;
use crate::state::AppState;

/// Cancels a job. Returns whether it was still unfinished.
pub(super) async fn stop(state: &AppState, principal: &Principal, job: &JobView) -> Result<bool, Problem> {
    let outcome = cancel(state, principal, job.id).await?;
    Ok(matches!(outcome, CancelOutcome::Accepted | CancelOutcome::Cancelled(_)))
}

/// The parameters of a cancellation, without the selection of tasks.
pub(super) const CANCEL: [&str; 3] = ["group_by", "timeout", "wait_for_completion"];

/// Returns the job of a task that the caller may see.
pub(super) async fn task(state: &AppState, principal: &Principal, text: &str) -> Result<JobView, Problem> {
    let id = TaskId::read(text)?;
    match visible(state, principal, id.0).await {
        Ok(job) if is_task(&job) => Ok(job),
        Err(problem) if problem.kind != Kind::NotFound => Err(problem),
        _ => Err(absent(&id.text())),
    }
}

pub(super) fn is_task(job: &JobView) -> bool {
    job.kind == "query" && !job.dry_run && !job.task_forgotten
}

/// Waits at most `wait` for the end of a job, and returns the job as it is then.
pub(super) async fn ended(state: &AppState, caller: &str, job: JobView, wait: Duration) -> JobView {
    let wait = Prefer {
        wait: Some(wait),
        ..Prefer::default()
    };
    let rings = state.doorbell().subscribe();
    // The job may have ended before this call listened to the doorbell.
    let job = state.ledger().job(job.id).await.ok().flatten().unwrap_or(job);
    watch::as_preferred(state, caller, job, rings, wait).await.0
}

/// Waits at most `wait` for the end of all jobs. The jobs become as they are then.
pub(super) async fn all_ended(state: &AppState, caller: &str, jobs: &mut [JobView], wait: Duration) {
    let until = Instant::now() + wait;
    let mut waited = 0;
    for job in jobs.iter_mut() {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            break;
        }
        *job = ended(state, caller, job.clone(), left).await;
        waited += 1;
    }
    let (_, late) = jobs.split_at_mut(waited);
    // After the deadline one read is left for all of them. Without an answer they stay as they were read before.
    drop(read_again(state, late.iter_mut().collect()).await);
}

/// Reads jobs again, together. Those that are gone stay as they are.
pub(super) async fn read_again(state: &AppState, jobs: Vec<&mut JobView>) -> Result<(), LedgerError> {
    if jobs.is_empty() {
        return Ok(());
    }
    let ids: Vec<JobId> = jobs.iter().map(|job| job.id).collect();
    let read = state.ledger().jobs_of(&ids).await?;
    let mut read: HashMap<JobId, JobView> = read.into_iter().map(|job| (job.id, job)).collect();
    for job in jobs {
        if let Some(now) = read.remove(&job.id) {
            *job = now;
        }
    }
    Ok(())
}

/// Returns the answer with one task.
pub(super) async fn one(state: &AppState, job: JobView, group_by: GroupBy) -> Result<Json<Tasks>, Problem> {
    let jobs = [job];
    let details = Details::of(state, &jobs).await?;
    Ok(Json(Tasks::new(&jobs, Some(&details), group_by)))
}

pub(super) fn group_by(query: &Query) -> Result<GroupBy, Problem> {
    match query.one("group_by")? {
        None | Some("nodes") => Ok(GroupBy::Nodes),
        Some("parents") => Ok(GroupBy::Parents),
        Some("none") => Ok(GroupBy::None),
        Some(other) => {
            let other = short(other);
            let text = format!("[group_by] must be one of [nodes], [parents] or [none] but was [{other}]");
            Err(illegal(&text))
        }
    }
}
