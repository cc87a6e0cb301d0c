//! The owner of the memories that a job is about.

use std::collections::HashMap;

use serde_json::{Value, json};
use sqlx::Row;
use sqlx::any::AnyRow;

use crate::job::{JobId, Subject};
use crate::ledger::db::{Ledger, LedgerError, rows};

/// The owner of the memories that a job is about. The ledger deletes it when the job's retention has passed.
// Personal data: no `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct Aim {
    /// The person, for a job by subject.
    pub subject: Option<Subject>,
    /// The owner that the job demands, for any other job.
    pub owner: Option<String>,
    /// The workspace that the job demands.
    pub workspace: Option<String>,
}

impl Ledger {
    /// Returns the aims of jobs. Jobs whose retention has passed are skipped.
    pub async fn aims(&self, jobs: &[JobId]) -> Result<HashMap<JobId, Aim>, LedgerError> {
        let listed: Vec<Value> = jobs.iter().map(|id| json!({"id": id})).collect();
        let rows = sqlx::query(self.inner.sql(
            "-- ledger::aims
            SELECT id, subject, owner, workspace FROM jobs WHERE id {in_ids} AND forgotten_at IS NULL",
        ))
        .bind(json!(listed).to_string())
        .fetch_all(&self.inner.read)
        .await?;
        rows.iter()
            .map(|row| Ok((rows::parsed(row, "jobs", "id")?, aim(row)?)))
            .collect()
    }
}

/// Reads the columns of a job's aim.
pub(super) fn aim(row: &AnyRow) -> Result<Aim, LedgerError> {
    let subject: Option<Subject> = match row.try_get::<Option<String>, _>("subject")? {
        Some(_) => Some(rows::json(row, "jobs", "subject")?),
        None => None,
    };
    let workspace = row.try_get("workspace")?;
    Ok(Aim {
        workspace: subject.as_ref().map_or(workspace, |subject| subject.workspace.clone()),
        owner: row.try_get("owner")?,
        subject,
    })
}
