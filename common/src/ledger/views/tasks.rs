//! Tasks: unfinished deletions by query, as OpenSearch's clients list and cancel them.

use super::filter::{LAST, Whose};
use super::sections::{SectionIndex, SectionIndexes, united};
use crate::job::JobId;
use crate::ledger::db::{Ledger, LedgerError, rows};

/// The indexes of tasks.
// The column of a job that is no task is NULL. A condition on the column then allows one index only: with a condition on
// `ended_at` beside it, PostgreSQL may read all of another index of unfinished jobs. By the bare id it may read all jobs.
// So no other index of jobs spells the key as these do.
const INDEXES: SectionIndexes = SectionIndexes {
    all: SectionIndex {
        column: "CASE WHEN ended_at IS NULL AND kind = {selector.query} AND dry_run = 0 THEN '' END",
        key: "('' || id)",
    },
    principal: SectionIndex {
        column: "CASE WHEN ended_at IS NULL AND kind = {selector.query} AND dry_run = 0 THEN principal END",
        key: "('' || id)",
    },
    target: SectionIndex {
        column: "CASE WHEN ended_at IS NULL AND kind = {selector.query} AND dry_run = 0 THEN COALESCE(target, '') END",
        key: "('' || id)",
    },
};

impl Ledger {
    /// Returns the ids of tasks, the newest first: unfinished deletions by query, without dry runs. `after` is the
    /// cursor: only tasks accepted before it.
    // Ids only: a caller may search a million tasks for a few.
    pub async fn tasks(&self, whose: &Whose, after: Option<JobId>, limit: u32) -> Result<Vec<JobId>, LedgerError> {
        let mut sections = whose.sections(&INDEXES);
        if matches!(whose, Whose::OfOrAbout(_, targets) if !targets.is_empty()) {
            // '' stands for several targets.
            sections.push((INDEXES.target, ""));
        }
        let pages = united(&sections, 3, |SectionIndex { column, key }, n| {
            format!("SELECT id FROM jobs WHERE {column} = ${n} AND {key} < $1 ORDER BY {key} DESC LIMIT $2")
        });
        let text = format!("-- ledger::tasks\n{pages} ORDER BY id DESC LIMIT $2");
        let mut listing = sqlx::query(self.inner.sql(&text))
            .bind(after.unwrap_or(LAST).to_string())
            .bind(i64::from(limit));
        for (_, value) in sections {
            listing = listing.bind(value);
        }
        let rows = listing.fetch_all(&self.inner.read).await?;
        rows.iter().map(|row| rows::parsed(row, "jobs", "id")).collect()
    }
}
