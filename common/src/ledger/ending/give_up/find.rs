//! Finding the jobs that may have been idle for too long, along the index `jobs_idle`.

use sqlx::{AnyConnection, Row};

use super::clock::Idle;
use crate::job::JobId;
use crate::ledger::db::{Inner, Ledger, LedgerError};

/// The condition for jobs that have a clock, as the index `jobs_idle` writes it.
const CLOCKED: &str = "ended_at IS NULL AND idle_since IS NOT NULL";

impl Ledger {
    /// Returns the targets of jobs that may have been idle for `limit_ms`; `None` if no job has a clock. Paused targets
    /// are skipped, since the clocks of their jobs stand still.
    pub(super) async fn idle_targets(&self, limit_ms: i64) -> Result<Option<Vec<String>>, LedgerError> {
        let rows = sqlx::query(self.inner.sql(&targets_text()))
            .bind(limit_ms)
            .fetch_all(&self.inner.read)
            .await?;
        if rows.is_empty() {
            return Ok(None);
        }
        let mut found = Vec::new();
        for row in &rows {
            if row.try_get::<i64, _>("idle")? != 0 {
                found.push(row.try_get("targets")?);
            }
        }
        if found.is_empty() {
            return Ok(Some(found));
        }
        let pauses = self.pauses().await?;
        let is_paused = |targets: &String| pauses.all || targets.split(',').any(|one| pauses.targets.contains(one));
        Ok(Some(found.into_iter().filter(|targets| !is_paused(targets)).collect()))
    }
}

/// The jobs that a look reads.
#[derive(Clone, Copy)]
pub(super) struct Which<'a> {
    pub(super) targets: &'a str,
    pub(super) limit_ms: i64,
    /// Only this job.
    pub(super) alone: Option<JobId>,
    /// The most jobs.
    pub(super) most: i64,
}

/// Reads and locks the jobs that may have been idle for too long. A record of such a job waits until the look has
/// ended. A job that another transaction has locked is skipped until the next look.
pub(super) async fn idle_jobs(
    inner: &Inner,
    tx: &mut AnyConnection,
    which: Which<'_>,
) -> Result<Vec<Idle>, LedgerError> {
    let text = look_text(if which.alone.is_some() { "AND id = $4" } else { "" });
    let mut looking = sqlx::query(inner.sql(&text))
        .bind(which.targets)
        .bind(which.limit_ms)
        .bind(which.most);
    if let Some(id) = which.alone {
        looking = looking.bind(id.to_string());
    }
    let mut idle = Vec::new();
    for row in &looking.fetch_all(tx).await? {
        match Idle::read(row) {
            Ok(job) => idle.push(job),
            Err(error @ LedgerError::Corrupt { .. }) => {
                tracing::error!(error = %error, "a job cannot be read, so it cannot be given up");
            }
            Err(error) => return Err(error),
        }
    }
    Ok(idle)
}
/// Returns the statement that lists the targets of jobs with a clock, and whether a job of them may have been idle for
/// `$1` milliseconds.
fn targets_text() -> String {
    // The recursion reads two index entries for each list of targets: its first job, and its longest idle job. The
    // number of jobs does not matter. With `EXISTS`, PostgreSQL would read all jobs.
    let next = |which: &str| format!("SELECT targets FROM jobs WHERE {CLOCKED} {which} ORDER BY targets LIMIT 1");
    format!(
        "-- ledger::give_up targets
        WITH RECURSIVE found (targets) AS (
            SELECT * FROM ({}) AS first_one
            UNION ALL
            SELECT ({}) FROM found WHERE found.targets IS NOT NULL
        )
        SELECT targets, CAST(CASE WHEN (
            SELECT idle_since FROM jobs WHERE {CLOCKED} AND jobs.targets = found.targets
            ORDER BY idle_since LIMIT 1) <= (SELECT {{now}}) - $1 THEN 1 ELSE 0 END AS BIGINT) AS idle
        FROM found WHERE targets IS NOT NULL",
        next(""),
        next("AND jobs.targets > found.targets"),
    )
}

/// Returns the statement that reads and locks jobs of the targets `$1` that may have been idle for `$2` milliseconds.
/// `which` is a further condition.
fn look_text(which: &str) -> String {
    format!(
        "-- ledger::give_up look
        SELECT id, kind, state, windows, accepted_at, not_before, progressed_at, throttled_till, reserved_at, error_code,
            CASE WHEN per_second IS NULL THEN 0 ELSE (SELECT COUNT(*) FROM partitions p
                WHERE p.job_id = jobs.id AND p.state || '' IN ({{partition.due}}, {{partition.running}}) AND p.intent IS NOT NULL) END AS begun,
            {{now}} AS now_ms
        FROM jobs WHERE {CLOCKED} AND targets = $1 AND idle_since <= (SELECT {{now}}) - $2 {which}
        ORDER BY idle_since LIMIT $3 {{skip_locked}}"
    )
}

#[cfg(test)]
mod tests {
    use sqlx::{AssertSqlSafe, Row};

    use super::{look_text, targets_text};
    use crate::config::Config;
    use crate::ledger::{Ledger, LedgerOptions};

    #[tokio::test]
    async fn jobs_are_found_along_the_index_however_many_are_queued() {
        let dir = tempfile::tempdir().unwrap();
        let ledger = Ledger::open(LedgerOptions {
            url: format!("sqlite://{}?mode=rwc", dir.path().join("ledger.sqlite").display()).into(),
            ..LedgerOptions::from(&Config::default())
        })
        .unwrap();
        ledger.migrate().await.unwrap();
        for text in [targets_text(), look_text("")] {
            let text = format!("EXPLAIN QUERY PLAN {}", ledger.inner.dialect.text(&text));
            let rows = sqlx::query(AssertSqlSafe(text))
                .fetch_all(&ledger.inner.read)
                .await
                .unwrap();
            let steps: Vec<String> = rows.iter().map(|row| row.get("detail")).collect();
            let of_jobs = steps.iter().filter(|step| step.contains(" jobs"));
            let sorts = steps.iter().any(|step| step.contains("TEMP B-TREE"));
            assert!(of_jobs.clone().count() > 0 && !sorts, "{steps:?}");
            for step in of_jobs {
                assert!(
                    step.contains("jobs USING INDEX jobs_idle") || step.contains("COVERING INDEX jobs_idle"),
                    "{steps:?}"
                );
            }
        }
    }
}
