//! Tasks: unfinished deletions by query, as OpenSearch's clients list and cancel them.

use std::collections::BTreeSet;

use uuid::Uuid;

use super::job::Whose;
use crate::job::JobId;
use crate::ledger::db::{Ledger, LedgerError, rows};

/// The greatest id. No job has it. A bound that is always there lets the database begin at the cursor.
const LAST: JobId = JobId(Uuid::max());

/// The caller, as the index of tasks has it. By its column alone, PostgreSQL may take an index of all jobs of the caller.
const PRINCIPAL: &str = "(principal || '')";

/// The most parts of one statement. SQLite allows 500.
const PARTS: usize = 100;

impl Ledger {
    /// Returns the ids of tasks, the newest first: unfinished deletions by query, without dry runs. `after` is the
    /// cursor: only tasks accepted before it.
    // Ids only: a caller may search a million tasks for a few. Each part reads its own tasks from an index, and `limit` of
    // them at most. One condition for all parts would read the tasks of all callers.
    pub async fn tasks(&self, whose: &Whose, after: Option<JobId>, limit: u32) -> Result<Vec<JobId>, LedgerError> {
        // `|| ''` keeps PostgreSQL from reading all tasks in the order of their ids to find those of one caller.
        let id = if *whose == Whose::All { "id" } else { "(id || '')" };
        let mut tasks: BTreeSet<JobId> = BTreeSet::new();
        for scopes in scopes(whose).chunks(PARTS) {
            let parts = (3..).zip(scopes).map(|(n, (column, _))| {
                format!(
                    "SELECT id FROM (
                        SELECT id FROM jobs
                        WHERE ended_at IS NULL AND kind = {{selector.query}} AND dry_run = 0 AND {id} < $1 AND {column} = ${n}
                        ORDER BY {id} DESC LIMIT $2) AS part{n}"
                )
            });
            let parts: Vec<String> = parts.collect();
            let text = format!("-- ledger::tasks\n{} ORDER BY id DESC LIMIT $2", parts.join(" UNION "));
            let mut query = sqlx::query(self.inner.sql(&text))
                .bind(after.unwrap_or(LAST).to_string())
                .bind(i64::from(limit));
            for (_, value) in scopes {
                query = query.bind(*value);
            }
            for row in &query.fetch_all(&self.inner.read).await? {
                tasks.insert(rows::parsed(row, "jobs", "id")?);
            }
        }
        Ok(tasks.into_iter().rev().take(limit as usize).collect())
    }
}

/// Returns the columns, each with its value, that the tasks of a filter have: one of these.
fn scopes(whose: &Whose) -> Vec<(&'static str, &str)> {
    match whose {
        Whose::All => vec![("''", "")],
        Whose::Of(principal) => vec![(PRINCIPAL, principal.as_str())],
        Whose::OfOrAbout(principal, targets) => {
            let mut scopes = vec![(PRINCIPAL, principal.as_str())];
            // '' stands for several targets.
            let several = (!targets.is_empty()).then_some("");
            let about = several.into_iter().chain(targets.iter().map(String::as_str));
            scopes.extend(about.map(|target| ("COALESCE(target, '')", target)));
            scopes
        }
    }
}
