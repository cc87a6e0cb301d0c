//! Starting the jobs of claimed partitions, and reading the facts that their partitions share.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use serde_json::{Value, json};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row};

use crate::job::JobId;
use crate::ledger::db::{Inner, LedgerError, Moves, rows};
use crate::ledger::types::{JobFacts, Kind};
use crate::state::{Event, State};

/// The columns that the partitions of a job share.
const FACTS: &str = "jobs.id AS id, owner, workspace, memory_kind, subject, query, per_second, batch_size, max_memories - settled AS max_memories, expect,
            schedule, lenient, trace, state, attempt, next_ordinal, {now} - not_before AS waited";

/// The facts about the jobs of a claim.
pub(super) type Jobs = HashMap<JobId, Arc<JobFacts>>;

/// Returns the statement that starts the jobs in `source`, and returns their facts. `ids` is the condition that an id is
/// one of them.
// `CASE` hides the condition on the state from the planner. Otherwise it would search an index of states, which holds the
// whole queue, and all jobs that changed since the last vacuum.
pub(super) fn start_text(source: &str, ids: &str) -> String {
    let (planned, started) = (Moves::of(Event::PlanStarted), Moves::of(Event::Started));
    format!(
        "UPDATE jobs SET version = version + 1, started_at = COALESCE(started_at, {{now}}),
            state = CASE WHEN CAST(e.value->>'plans' AS BIGINT) = 1 OR attempt > 1 AND EXISTS (
                    SELECT 1 FROM partitions p WHERE p.job_id = jobs.id AND p.kind = {{kind.plan}} AND p.state || '' IN ({{partition.due}}, {{partition.running}}))
                THEN {} ELSE {} END
        FROM {source} WHERE jobs.id = e.value->>'id' AND jobs.id {ids} AND CASE WHEN state IN ({}) THEN TRUE ELSE FALSE END
        RETURNING {FACTS}",
        planned.to, started.to, started.from
    )
}

/// Starts the jobs of claimed partitions, and reads the facts that their partitions share.
pub(super) async fn start_jobs<'a>(
    inner: &Inner,
    connection: &mut AnyConnection,
    claimed: impl IntoIterator<Item = &'a AnyRow>,
) -> Result<Jobs, LedgerError> {
    // Sorted by id, so that two claims that lock the same jobs do not deadlock.
    let mut kinds: BTreeMap<JobId, bool> = BTreeMap::new();
    for row in claimed {
        let plans = rows::says(row, "kind", Kind::Check)? || rows::says(row, "kind", Kind::Plan)?;
        *kinds.entry(rows::parsed(row, "partitions", "job_id")?).or_insert(false) |= plans;
    }
    if kinds.is_empty() {
        return Ok(Jobs::new());
    }
    let list: Vec<Value> = kinds
        .iter()
        .map(|(id, plans)| json!({"id": id, "plans": i64::from(*plans)}))
        .collect();
    let sql = format!("-- ledger::claim start\n{}", start_text("{each}", "{in_ids}"));
    let first = sqlx::query(inner.sql(&sql))
        .bind(json!(list).to_string())
        .fetch_all(&mut *connection)
        .await?;
    for row in &first {
        kinds.remove(&rows::parsed(row, "jobs", "id")?);
    }
    let others = others(inner, connection, kinds.keys()).await?;
    facts(first.iter(), &others)
}

/// Reads the facts of the jobs of claimed partitions, after [a claim](super::take::take_and_start) that started them too.
pub(super) async fn started_jobs(
    inner: &Inner,
    connection: &mut AnyConnection,
    claimed: &[AnyRow],
) -> Result<Jobs, LedgerError> {
    let (mut first, mut others) = (Vec::new(), Vec::new());
    for row in claimed {
        let is_started = row.try_get::<Option<String>, _>("id")?.is_some();
        if is_started { &mut first } else { &mut others }.push(row);
    }
    // Mostly an earlier claim started them. But the claim saw the jobs as they were before it locked the partitions. A
    // retry in between made such a job queued again, and nothing else starts it.
    let mut jobs = start_jobs(inner, connection, others).await?;
    jobs.extend(facts(first.into_iter(), &[])?);
    Ok(jobs)
}

/// Reads the facts of jobs: those that this claim started, and others.
fn facts<'a>(first: impl Iterator<Item = &'a AnyRow>, others: &'a [AnyRow]) -> Result<Jobs, LedgerError> {
    let mut jobs = HashMap::new();
    for (row, is_first) in first
        .map(|row| (row, true))
        .chain(others.iter().map(|row| (row, false)))
    {
        match facts_of(row, is_first) {
            Ok(facts) => drop(jobs.insert(facts.id, Arc::new(facts))),
            // Its partitions then have no job, and are handled as unreadable.
            Err(error @ LedgerError::Corrupt { .. }) => tracing::error!(error = %error, "a job cannot be read"),
            Err(error) => return Err(error),
        }
    }
    Ok(jobs)
}

/// Reads the jobs that an earlier claim started.
async fn others(
    inner: &Inner,
    tx: &mut AnyConnection,
    ids: impl Iterator<Item = &JobId>,
) -> Result<Vec<AnyRow>, LedgerError> {
    let list: Vec<Value> = ids.map(|id| json!({"id": id})).collect();
    if list.is_empty() {
        return Ok(Vec::new());
    }
    let jobs = sqlx::query(inner.sql(&format!(
        "-- ledger::claim jobs
        SELECT {FACTS} FROM {{each}} JOIN jobs ON jobs.id = e.value->>'id' AND jobs.id {{in_ids}}"
    )));
    Ok(jobs.bind(json!(list).to_string()).fetch_all(tx).await?)
}

fn facts_of(row: &AnyRow, first: bool) -> Result<JobFacts, LedgerError> {
    let id: JobId = rows::parsed(row, "jobs", "id")?;
    let subject = match row.try_get::<Option<String>, _>("subject")? {
        Some(_) => Some(rows::json(row, "jobs", "subject")?),
        None => None,
    };
    let query = match row.try_get::<Option<String>, _>("query")? {
        Some(_) => Some(Arc::new(rows::json(row, "jobs", "query")?)),
        None => None,
    };
    let batch: Option<i64> = row.try_get("batch_size")?;
    let max_memories: Option<i64> = row.try_get("max_memories")?;
    Ok(JobFacts {
        id,
        owner: row.try_get("owner")?,
        workspace: row.try_get("workspace")?,
        memory_kind: row.try_get("memory_kind")?,
        subject,
        query,
        per_second: row.try_get("per_second")?,
        batch: batch.map(|n| u32::try_from(n).unwrap_or(u32::MAX)),
        max_memories: max_memories.map(|n| u64::try_from(n).unwrap_or(0)),
        expects: row.try_get::<Option<String>, _>("expect")?.is_some(),
        scheduled: row.try_get::<Option<String>, _>("schedule")?.is_some(),
        lenient: row.try_get::<i64, _>("lenient")? != 0,
        trace: row.try_get("trace")?,
        cancelling: rows::says(row, "state", State::Cancelling)?,
        waited_ms: row.try_get("waited")?,
        first,
        attempt: rows::number(row, "attempt")?,
        is_single: rows::number(row, "next_ordinal")? == 1,
    })
}
