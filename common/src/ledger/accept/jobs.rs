//! Accepting a job: one transaction for the job, its partitions and its idempotency key.

use std::collections::HashMap;

use serde_json::{Value, json};
use sqlx::{AnyConnection, Row};

use super::join;
use super::partitions::{insert_partitions, partition_rows};
use crate::filter::Filter;
use crate::job::{JobId, SelectorKind, Subject};
use crate::ledger::db::{Grouped, Inner, Ledger, LedgerError};
use crate::ledger::partition_state::PartitionState;
use crate::ledger::totals::{Increment, TotalsMetric};
use crate::ledger::types::{Kind, Manner, NewPartition};
use crate::selection::Digest;
use crate::state::State;

/// In whose name, and by which route, an idempotency key is valid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    /// Who asks.
    pub principal: String,
    /// The route's template.
    pub route: &'static str,
}

/// An idempotency key and the keyed hash of the request that came with it.
#[derive(Debug, Clone)]
pub struct Idempotency {
    /// The caller's key.
    pub key: String,
    /// The keyed hash of the request.
    pub fingerprint: String,
}

/// A job to be accepted; everything that can be refused was refused before.
// Personal data: no `Debug`.
#[derive(Clone)]
pub struct NewJob {
    /// The id it will have.
    pub id: JobId,
    /// Who asks, and where.
    pub scope: Scope,
    /// The caller's key, if one was given.
    pub idempotency: Option<Idempotency>,
    /// The keyed hash of the request, if the same one joins this job while it has not ended.
    pub request: Option<String>,
    /// The target as asked.
    pub target: Option<String>,
    /// The table as asked.
    pub table: Option<String>,
    /// Whose memories.
    pub owner: Option<String>,
    /// Of which workspace.
    pub workspace: Option<String>,
    /// Of which kind, where one table holds several.
    pub memory_kind: Option<String>,
    /// The person, for a job by subject.
    pub subject: Option<Subject>,
    /// What the memories have to match, for a job by query; checked before.
    pub query: Option<Filter>,
    /// Whether nothing is to be touched.
    pub dry_run: bool,
    /// The most memories it may select.
    pub limit: Option<u64>,
    /// What it must select, or nothing is touched.
    pub expect: Option<Digest>,
    /// The most memories a second.
    pub per_second: Option<f64>,
    /// How it is done.
    pub manner: Manner,
    /// Milliseconds since 1970 before which it must not start.
    pub not_before: Option<i64>,
    /// The traceparent of the request.
    pub trace: Option<String>,
    /// Its first partitions: the ids, or one plan for each table.
    pub partitions: Vec<NewPartition>,
}

impl NewJob {
    /// Returns the word for what it selects by.
    pub fn kind(&self) -> &'static str {
        let kind = match (&self.query, &self.subject) {
            (Some(_), _) => SelectorKind::Query,
            (None, Some(_)) => SelectorKind::Subject,
            (None, None) => SelectorKind::Ids,
        };
        kind.as_str()
    }
}

/// What became of an acceptance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Accepted {
    /// A new job, on the disk.
    New(JobId),
    /// The same request was accepted before: by its key, or because its job has not ended.
    Replay(JobId),
    /// The key was used for another request.
    Conflict,
    /// The first request with this key is still being received.
    InFlight,
}

impl Ledger {
    /// Accepts a job; once this returns, it is on the disk.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Unavailable`] if the database did not take it; the job then does not exist,
    /// or, if only the answer was lost, is found again by its idempotency key.
    pub async fn accept(&self, job: NewJob) -> Result<Accepted, LedgerError> {
        self.inner.groups.write(job).await
    }
}

impl Grouped for NewJob {
    type Answer = Accepted;

    // In ids, so that a few huge requests do not make one huge statement.
    const GROUP: usize = 20_000;

    fn size(&self) -> usize {
        let ids: u64 = self.partitions.iter().map(|partition| partition.remaining).sum();
        usize::try_from(ids).unwrap_or(usize::MAX)
    }

    async fn write(inner: &Inner, group: &[Self]) -> Result<Vec<Accepted>, LedgerError> {
        write(inner, group).await
    }
}

/// Writes a group of jobs in one transaction.
async fn write(inner: &Inner, jobs: &[NewJob]) -> Result<Vec<Accepted>, LedgerError> {
    let mut tx = inner.begin().await?;
    let mut answers = reserve_keys(inner, &mut tx, jobs).await?;
    let mut new: Vec<&NewJob> = jobs.iter().filter(|job| !answers.contains_key(&job.id)).collect();
    if !new.is_empty() {
        let joining = join::insert_jobs(inner, &mut tx, &new).await?;
        new.retain(|job| !joining.contains_key(&job.id));
        answers.extend(joining.into_iter().map(|(id, joined)| (id, Accepted::Replay(joined))));
        let increments = insert_partitions_of(inner, &mut tx, &new).await?;
        inner.add_totals(&mut tx, increments).await?;
    }
    tx.commit().await?;
    let answer = |job: &NewJob| answers.remove(&job.id).unwrap_or(Accepted::New(job.id));
    Ok(jobs.iter().map(answer).collect())
}

/// Inserts jobs with their partitions; returns what that adds to the totals.
pub(in crate::ledger) async fn insert(
    inner: &Inner,
    tx: &mut AnyConnection,
    new: &[&NewJob],
) -> Result<Vec<Increment>, LedgerError> {
    insert_jobs(inner, tx, new, State::Queued).await?;
    insert_partitions_of(inner, tx, new).await
}

/// Inserts the partitions of jobs that are there; returns what the jobs add to the totals.
async fn insert_partitions_of(
    inner: &Inner,
    tx: &mut AnyConnection,
    new: &[&NewJob],
) -> Result<Vec<Increment>, LedgerError> {
    let rows: Vec<Value> = new
        .iter()
        .flat_map(|job| partition_rows(job.id, 0, PartitionState::Due, job))
        .collect();
    insert_partitions(inner, tx, &rows).await?;
    let increments = new
        .iter()
        .flat_map(|job| std::iter::once(Increment::new(TotalsMetric::Accepted, "", None, "", 1)).chain(selected(job)));
    Ok(increments.collect())
}

/// Returns what an accepted job adds to the totals of selected memories.
fn selected(job: &NewJob) -> impl Iterator<Item = Increment> {
    job.partitions
        .iter()
        .filter(|partition| matches!(partition.kind, Kind::Erase | Kind::Check))
        .flat_map(|partition| {
            partition.stores.iter().map(|store| {
                Increment::new(
                    TotalsMetric::Selected,
                    &partition.route.target,
                    Some(*store),
                    "",
                    partition.remaining,
                )
            })
        })
}

/// Writes the idempotency keys that are new; returns the answers for those that are not.
async fn reserve_keys(
    inner: &Inner,
    tx: &mut AnyConnection,
    jobs: &[NewJob],
) -> Result<HashMap<JobId, Accepted>, LedgerError> {
    let keyed: Vec<Value> = jobs
        .iter()
        .filter_map(|job| {
            let key = job.idempotency.as_ref()?;
            Some(json!({
                "p": job.scope.principal, "r": job.scope.route, "k": key.key, "f": key.fingerprint, "j": job.id,
            }))
        })
        .collect();
    if keyed.is_empty() {
        return Ok(HashMap::new());
    }
    let list = Value::Array(keyed).to_string();
    sqlx::query(inner.sql(
        "-- ledger::accept keys
        INSERT INTO idempotency (principal, route, key_text, fingerprint, job_id, created_at)
        SELECT e.value->>'p', e.value->>'r', e.value->>'k', e.value->>'f', e.value->>'j', {now} FROM {each} WHERE TRUE
        ON CONFLICT (principal, route, key_text) DO NOTHING",
    ))
    .bind(&list)
    .execute(&mut *tx)
    .await?;
    let rows = sqlx::query(inner.sql(
        "-- ledger::accept replays
        SELECT e.value->>'j' AS asked, e.value->>'f' AS fingerprint, i.fingerprint AS known, i.job_id AS job_id
        FROM {each} JOIN idempotency i
          ON i.principal = e.value->>'p' AND i.route = e.value->>'r' AND i.key_text = e.value->>'k'
        WHERE i.job_id <> e.value->>'j'",
    ))
    .bind(&list)
    .fetch_all(&mut *tx)
    .await?;
    let mut replays = HashMap::with_capacity(rows.len());
    for row in rows {
        let (asked, fingerprint): (String, String) = (row.try_get("asked")?, row.try_get("fingerprint")?);
        let (known, job_id): (String, String) = (row.try_get("known")?, row.try_get("job_id")?);
        let corrupt = || LedgerError::Corrupt {
            table: "idempotency",
            column: "job_id",
            row: job_id.clone(),
        };
        let answer = if known.is_empty() {
            Accepted::InFlight
        } else if known == fingerprint {
            Accepted::Replay(job_id.parse().map_err(|_| corrupt())?)
        } else {
            Accepted::Conflict
        };
        replays.insert(asked.parse().map_err(|_| corrupt())?, answer);
    }
    Ok(replays)
}

/// Inserts jobs in a state.
pub(in crate::ledger) async fn insert_jobs(
    inner: &Inner,
    tx: &mut AnyConnection,
    jobs: &[&NewJob],
    state: State,
) -> Result<(), LedgerError> {
    let sql = format!("-- ledger::accept jobs\n{INSERT_JOBS}");
    let rows = job_rows(jobs, state);
    sqlx::query(inner.sql(&sql)).bind(rows).execute(tx).await?;
    Ok(())
}

/// Returns jobs as rows for [`INSERT_JOBS`].
pub(in crate::ledger) fn job_rows(jobs: &[&NewJob], state: State) -> String {
    let rows: Vec<Value> = jobs
        .iter()
        .map(|job| {
            let selected: u64 = job.partitions.iter().map(|partition| partition.remaining).sum();
            json!({
                "id": job.id, "principal": job.scope.principal, "state": state.as_str(),
                "kind": job.kind(),
                "target": job.target, "targets": job.targets(), "table": job.table,
                "subject": job.subject.as_ref().map(|subject| json!(subject).to_string()),
                "query": job.query.as_ref().map(|query| json!(query).to_string()),
                "owner": job.owner, "workspace": job.workspace, "memory_kind": job.memory_kind, "dry_run": i64::from(job.dry_run),
                "limit": job.limit, "expect": job.expect, "per_second": job.per_second, "batch": job.manner.batch, "most": job.manner.most,
                "aborts": i64::from(job.manner.aborts), "slices": job.manner.slices, "opaque_id": job.manner.opaque_id,
                "schedule": job.manner.schedule, "windows": job.manner.windows.as_ref().map(|windows| json!(windows).to_string()),
                "lenient": i64::from(job.manner.lenient), "trace": job.trace, "not_before": job.not_before, "request": job.request,
                "selected": selected, "unfinished": job.partitions.len(),
            })
        })
        .collect();
    Value::Array(rows).to_string()
}

/// Inserts the rows in `$1`, as [`job_rows`] makes them.
pub(in crate::ledger) const INSERT_JOBS: &str =
        "INSERT INTO jobs (id, principal, state, kind, target, targets, table_name, subject, query, owner, workspace, memory_kind, dry_run,
            max_selected, expect, per_second, batch_size, most, aborts, slices, opaque_id, schedule, windows, lenient, trace, not_before, request,
            idle_since, accepted_at, touched_at, selected, unfinished,
            next_ordinal)
        SELECT e.value->>'id', e.value->>'principal', e.value->>'state', e.value->>'kind', e.value->>'target', e.value->>'targets',
            e.value->>'table', e.value->>'subject', e.value->>'query', e.value->>'owner', e.value->>'workspace', e.value->>'memory_kind',
            CAST(e.value->>'dry_run' AS BIGINT), CAST(e.value->>'limit' AS BIGINT), e.value->>'expect',
            CAST(e.value->>'per_second' AS DOUBLE PRECISION), CAST(e.value->>'batch' AS BIGINT),
            CAST(e.value->>'most' AS BIGINT), CAST(e.value->>'aborts' AS BIGINT), CAST(e.value->>'slices' AS BIGINT), e.value->>'opaque_id', e.value->>'schedule', e.value->>'windows', CAST(e.value->>'lenient' AS BIGINT), e.value->>'trace',
            COALESCE(CAST(e.value->>'not_before' AS BIGINT), {now}), e.value->>'request',
            CASE WHEN e.value->>'state' = {job.receiving} THEN NULL WHEN CAST(e.value->>'not_before' AS BIGINT) > {now}
                THEN CAST(e.value->>'not_before' AS BIGINT) ELSE {now} END, {now}, {now},
            CAST(e.value->>'selected' AS BIGINT), CAST(e.value->>'unfinished' AS BIGINT),
            CAST(e.value->>'unfinished' AS BIGINT)
        FROM {each} WHERE TRUE";
