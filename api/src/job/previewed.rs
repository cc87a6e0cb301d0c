//! Audit events before callers read the workspaces that previews name.
//!
//! The caller of a dry run asked for them, and its job records it. Workspaces are like ids for other callers.

use lethe_common::ledger::{Act, JobView, Object};

use super::answer::Job;
use crate::auth::Principal;
use crate::http::problem::Problem;
use crate::state::AppState;

/// Returns a job as the caller reads it.
///
/// # Errors
/// If the ledger cannot write the event.
pub(crate) async fn read(state: &AppState, principal: &Principal, view: JobView) -> Result<Job, Problem> {
    let (object, job) = (Object::Job(view.id), Job::from(view));
    if reveals(&job, &principal.name) {
        state.readings().note(principal, Act::JobItems, object).await?;
    }
    Ok(job)
}

/// Writes one event for a page of jobs.
///
/// # Errors
/// If the ledger cannot write the event.
pub(crate) async fn note_page(state: &AppState, principal: &Principal, jobs: &[Job]) -> Result<(), Problem> {
    if jobs.iter().any(|job| reveals(job, &principal.name)) {
        state.readings().note(principal, Act::JobItems, Object::All).await?;
    }
    Ok(())
}

/// Returns whether a job names workspaces to another caller than its own.
fn reveals(job: &Job, caller: &str) -> bool {
    let tables = job.preview.iter().flat_map(|preview| &preview.tables);
    let mut workspaces = tables.flat_map(|table| &table.workspaces);
    job.principal != caller && workspaces.any(|found| found.workspace.is_some())
}
