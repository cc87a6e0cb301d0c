//! The age of the oldest unfinished job. Held jobs do not grow old, nor do jobs whose targets are all paused: pauses have
//! an alert of their own.

use std::collections::BTreeSet;

use sqlx::Row;

use crate::ledger::db::{Inner, LedgerError, rows};
use crate::schedule::Windows;

/// The condition for jobs that may run at any time, as the index `jobs_oldest` writes it.
const ANY_TIME: &str = "ended_at IS NULL AND windows IS NULL AND held_at IS NULL";

/// The source of a row that is the oldest job without windows of its targets.
const AT_ANY_TIME: i64 = 0;

/// The source of a row that is a pause. Other rows are jobs with windows.
const PAUSES: i64 = 1;

/// Returns the milliseconds since the oldest unfinished job could have started.
pub(super) async fn oldest_ms(inner: &Inner) -> Result<u64, LedgerError> {
    let read = sqlx::query(inner.sql(&text())).fetch_all(&inner.read).await?;
    let mut pauses: BTreeSet<String> = BTreeSet::new();
    for row in &read {
        if row.try_get::<i64, _>("source")? == PAUSES {
            pauses.insert(row.try_get("targets")?);
        }
    }
    let mut oldest = 0;
    for row in &read {
        let source: i64 = row.try_get("source")?;
        let targets: String = row.try_get("targets")?;
        if source == PAUSES || are_paused(&targets, &pauses) {
            continue;
        }
        let (now, not_before): (i64, i64) = (row.try_get("now_ms")?, row.try_get("not_before")?);
        let waited = u64::try_from(now - not_before).unwrap_or(0);
        let age = if source == AT_ANY_TIME {
            waited
        } else {
            let windows: Windows = rows::json(row, "jobs", "windows")?;
            let Some(open) = windows.open_for(now) else { continue };
            waited.min(u64::try_from(open.as_millis()).unwrap_or(u64::MAX))
        };
        oldest = oldest.max(age);
    }
    Ok(oldest)
}

/// Returns whether everything or each of these targets is paused. `targets` is a list with commas.
// A job about two targets goes on in the one that is not paused, and may be too old there.
fn are_paused(targets: &str, pauses: &BTreeSet<String>) -> bool {
    pauses.contains("*") || targets.split(',').all(|target| pauses.contains(target))
}

/// Returns the statement that reads the oldest job without windows of each list of targets, the pauses, and the jobs
/// with windows.
// The recursion reads two index entries for each list of targets: its first job, and its oldest one. Few jobs have
// windows: at most one for each schedule, and those that a hold has released. Only the index of these jobs has their
// condition: by the columns alone, PostgreSQL may read all unfinished jobs in another index.
fn text() -> String {
    let next = |which: &str| format!("SELECT targets FROM jobs WHERE {ANY_TIME} {which} ORDER BY targets LIMIT 1");
    format!(
        "-- ledger::service_state oldest
        WITH RECURSIVE found (targets) AS (
            SELECT * FROM ({}) AS first_one
            UNION ALL
            SELECT ({}) FROM found WHERE found.targets IS NOT NULL
        )
        SELECT CAST({AT_ANY_TIME} AS BIGINT) AS source, '' AS id, targets, CAST(NULL AS TEXT) AS windows,
            (SELECT not_before FROM jobs WHERE {ANY_TIME} AND jobs.targets = found.targets
             ORDER BY not_before LIMIT 1) AS not_before, {{now}} AS now_ms
        FROM found WHERE targets IS NOT NULL
        UNION ALL
        SELECT CAST({PAUSES} AS BIGINT), '', scope, CAST(NULL AS TEXT), paused_at, {{now}} FROM pauses
        UNION ALL
        SELECT CAST(2 AS BIGINT), id, targets, windows, not_before, {{now}} FROM jobs
        WHERE CASE WHEN ended_at IS NULL AND held_at IS NULL THEN windows END IS NOT NULL",
        next(""),
        next("AND jobs.targets > found.targets"),
    )
}

#[cfg(test)]
mod tests {
    use sqlx::AssertSqlSafe;

    use super::*;
    use crate::config::Config;
    use crate::ledger::{Ledger, LedgerOptions};

    #[test]
    fn a_job_is_paused_if_all_of_its_targets_are() {
        let is_paused = |targets: &str, scopes: &[&str]| {
            let pauses = scopes.iter().map(|scope| (*scope).to_owned()).collect();
            are_paused(targets, &pauses)
        };
        for paused in [&["*"][..], &["main", "other"]] {
            assert!(is_paused("main,other", paused), "{paused:?}");
        }
        for paused in [&[][..], &["main"], &["other", "x"]] {
            assert!(!is_paused("main,other", paused), "{paused:?}");
        }
        assert!(!is_paused("", &["main"]), "its ids are uploaded");
    }

    #[tokio::test]
    async fn the_oldest_jobs_are_found_along_an_index_however_many_are_queued() {
        let dir = tempfile::tempdir().unwrap();
        let ledger = Ledger::open(LedgerOptions {
            url: format!("sqlite://{}?mode=rwc", dir.path().join("ledger.sqlite").display()).into(),
            ..LedgerOptions::from(&Config::default())
        })
        .unwrap();
        ledger.migrate().await.unwrap();
        let text = format!("EXPLAIN QUERY PLAN {}", ledger.inner.dialect.text(&text()));
        let rows = sqlx::query(AssertSqlSafe(text))
            .fetch_all(&ledger.inner.read)
            .await
            .unwrap();
        let steps: Vec<String> = rows.iter().map(|row| row.get("detail")).collect();
        let of_jobs: Vec<&String> = steps.iter().filter(|step| step.contains(" jobs")).collect();
        let sorts = steps.iter().any(|step| step.contains("TEMP B-TREE"));
        assert!(of_jobs.len() > 3 && !sorts, "{steps:?}");
        for step in of_jobs {
            assert!(
                step.contains("INDEX jobs_oldest") || step.contains("INDEX jobs_windowed"),
                "{steps:?}"
            );
        }
    }
}
