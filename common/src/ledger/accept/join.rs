//! Joining: a repeated request joins its job while that job has not ended.
//!
//! A unique index over unfinished jobs decides, inside the accepting transaction. So two simultaneous
//! requests make one job. After the job has ended, the same request makes a new job.
//!
//! A caller that was told to ask again may do so after the end. Its new job then finds nothing, and the
//! caller would learn that the memories never existed. So a job remembers that its end is
//! [owed](Ledger::owe) to a caller.

use std::collections::{HashMap, HashSet};

use serde_json::{Value, json};
use sqlx::{AnyConnection, Row};

use super::jobs_table::{self, INSERT_JOBS, job_rows};
use super::new_job::NewJob;
use crate::job::JobId;
use crate::ledger::db::{Inner, Ledger, LedgerError, rows};
use crate::state::State;

/// The number of tries to find a job that may end between two statements. Even one such end is rare.
const TRIES: usize = 5;

/// Inserts queued jobs, except jobs whose request has an unfinished job. Returns the latter with the
/// jobs that they join.
pub(super) async fn insert_jobs(
    inner: &Inner,
    tx: &mut AnyConnection,
    jobs: &[&NewJob],
) -> Result<HashMap<JobId, JobId>, LedgerError> {
    let queued = State::Queued;
    let (mut open, alone): (Vec<&NewJob>, Vec<&NewJob>) = jobs.iter().partition(|job| job.request.is_some());
    if !alone.is_empty() {
        jobs_table::insert_jobs(inner, tx, &alone, queued).await?;
    }
    // All processes insert in the same order, so that two groups cannot deadlock.
    let key = |job: &NewJob| (job.scope.principal.clone(), job.request.clone());
    open.sort_by_cached_key(|job| key(job));
    let mut joining = HashMap::new();
    for _ in 0..TRIES {
        if open.is_empty() {
            return Ok(joining);
        }
        let inserted = insert_absent(inner, tx, &open, queued).await?;
        open.retain(|job| !inserted.contains(&job.id.to_string()));
        let found = unfinished(inner, tx, &open).await?;
        open.retain(|job| !found.contains_key(&job.id));
        joining.extend(found);
    }
    if open.is_empty() {
        Ok(joining)
    } else {
        Err(LedgerError::Contended)
    }
}

/// Inserts the jobs whose request has no unfinished job; returns their ids.
async fn insert_absent(
    inner: &Inner,
    tx: &mut AnyConnection,
    jobs: &[&NewJob],
    state: State,
) -> Result<HashSet<String>, LedgerError> {
    let sql = format!(
        "-- ledger::join insert
        {INSERT_JOBS}
        ON CONFLICT ((CASE WHEN ended_at IS NULL THEN request END), principal)
            WHERE CASE WHEN ended_at IS NULL THEN request END IS NOT NULL DO NOTHING RETURNING id"
    );
    let query = sqlx::query(inner.sql(&sql)).bind(job_rows(jobs, state));
    let inserted = query.fetch_all(tx).await?;
    Ok(inserted.iter().map(|row| row.try_get("id")).collect::<Result<_, _>>()?)
}

/// Returns, for each job, the unfinished job of the same request, if there is one.
pub(super) async fn unfinished(
    inner: &Inner,
    tx: &mut AnyConnection,
    jobs: &[&NewJob],
) -> Result<HashMap<JobId, JobId>, LedgerError> {
    if jobs.is_empty() {
        return Ok(HashMap::new());
    }
    let asked: Vec<Value> = jobs
        .iter()
        .map(|job| json!({"principal": job.scope.principal, "request": job.request, "job": job.id}))
        .collect();
    // The first column of the unique index, and no other index has it. `|| ''` keeps PostgreSQL from reading all jobs of the
    // principal in another index.
    let found = sqlx::query(inner.sql(
        "-- ledger::join unfinished
        SELECT e.value->>'job' AS asked, j.id AS id
        FROM {each} JOIN jobs j ON CASE WHEN j.ended_at IS NULL THEN j.request END = e.value->>'request'
            AND CASE WHEN j.ended_at IS NULL THEN j.request END {in_requests}
            AND j.principal || '' = e.value->>'principal'",
    ))
    .bind(json!(asked).to_string())
    .fetch_all(tx)
    .await?;
    found
        .iter()
        .map(|row| Ok((rows::parsed(row, "jobs", "asked")?, rows::parsed(row, "jobs", "id")?)))
        .collect()
}

impl Ledger {
    /// Returns the job that would answer a request in place of a new one: the job of its idempotency key, or the
    /// unfinished job of the same request.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Unavailable`] if the database did not answer.
    pub async fn made_before(&self, job: &NewJob) -> Result<Option<JobId>, LedgerError> {
        if let Some(key) = &job.idempotency
            && let Some(id) = self.replayed(&job.scope, key).await?.replay()
        {
            return Ok(Some(id));
        }
        if job.request.is_none() {
            return Ok(None);
        }
        let mut connection = self.inner.read.acquire().await?;
        let mut joined = unfinished(&self.inner, &mut connection, &[job]).await?;
        Ok(joined.remove(&job.id))
    }

    /// Notes that a caller was told to ask again for the end of a job.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Unavailable`] if the database did not answer.
    pub async fn owe(&self, id: JobId) -> Result<(), LedgerError> {
        self.set_owed(id, 1).await
    }

    /// Notes that a caller has learnt the end of a job.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Unavailable`] if the database did not answer.
    pub async fn heard(&self, id: JobId) -> Result<(), LedgerError> {
        self.set_owed(id, 0).await
    }

    async fn set_owed(&self, id: JobId, owed: i64) -> Result<(), LedgerError> {
        let sql = "-- ledger::owed\nUPDATE jobs SET owed = $2 WHERE id = $1 AND request IS NOT NULL AND owed <> $2";
        let query = sqlx::query(self.inner.sql(sql)).bind(id.to_string()).bind(owed);
        query.execute(&self.inner.write).await?;
        Ok(())
    }

    /// Returns the earlier succeeded job of the same request whose end is still owed to a caller; of several,
    /// the one that erased most. After this none of them is owed.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Unavailable`] if the database did not answer.
    pub async fn owed_before(&self, id: JobId) -> Result<Option<JobId>, LedgerError> {
        let told = sqlx::query(self.inner.sql(
            "-- ledger::owed before
            UPDATE jobs SET owed = 0 WHERE owed = 1 AND state = {job.succeeded} AND id IN (
                SELECT earlier.id FROM jobs AS own JOIN jobs AS earlier
                  ON earlier.principal = own.principal AND earlier.request = own.request AND earlier.owed = 1
                WHERE own.id = $1 AND earlier.id <> own.id)
            RETURNING id, (SELECT CAST(COALESCE(SUM(n), 0) AS BIGINT) FROM counts
                WHERE counts.job_id = jobs.id AND outcome = {outcome.erased}) AS erased",
        ))
        .bind(id.to_string())
        .fetch_all(&self.inner.write)
        .await?;
        // A caller may be told to ask again twice. Its second job then found nothing either.
        let mut owed: Vec<(u64, JobId)> = Vec::with_capacity(told.len());
        for row in &told {
            owed.push((rows::number(row, "erased")?, rows::parsed(row, "jobs", "id")?));
        }
        Ok(owed.into_iter().max().map(|(_, id)| id))
    }
}
