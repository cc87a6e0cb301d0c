//! Whose memories a job is about.

use sqlx::Row;

use crate::job::{JobId, Subject};
use crate::ledger::db::{Ledger, LedgerError, rows};

/// Whose memories a job is about; once its retention has passed nobody knows.
// Personal data: no `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct Aim {
    /// The person, of a job about everything of a person.
    pub subject: Option<Subject>,
    /// The owner whom it demands, of any other job.
    pub owner: Option<String>,
    /// The workspace that it demands.
    pub workspace: Option<String>,
}

impl Ledger {
    /// Returns whose memories a job is about; `None` if there is no such job, or if nobody knows any more.
    pub async fn aim(&self, id: JobId) -> Result<Option<Aim>, LedgerError> {
        let row = sqlx::query(
            "-- ledger::aim
            SELECT subject, owner, workspace FROM jobs WHERE id = $1 AND forgotten_at IS NULL",
        )
        .bind(id.to_string())
        .fetch_optional(&self.inner.read)
        .await?;
        let Some(row) = row else { return Ok(None) };
        let subject: Option<Subject> = match row.try_get::<Option<String>, _>("subject")? {
            Some(_) => Some(rows::json(&row, "jobs", "subject")?),
            None => None,
        };
        let workspace = row.try_get("workspace")?;
        Ok(Some(Aim {
            workspace: subject.as_ref().map_or(workspace, |subject| subject.workspace.clone()),
            owner: row.try_get("owner")?,
            subject,
        }))
    }
}
