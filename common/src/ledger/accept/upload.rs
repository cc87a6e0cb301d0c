//! Uploads: jobs whose ids arrive as a stream. Short transactions store the ids, and the last one accepts the job.
//!
//! Until the last id is stored, the job is `receiving`, and no worker can claim it. If its sender leaves or this
//! process dies, a sweep deletes the job and its ids.

use serde_json::json;
use sqlx::{AnyConnection, Row};

use super::fingerprints::Printing;
use super::jobs_table::insert_jobs;
use super::labels::{delete_labels, insert_labels};
use super::new_job::{Accepted, Idempotency, NewJob, Scope};
use super::partitions::{insert_partitions, rows_of};
use crate::job::{JobId, StoreKind};
use crate::ledger::db::{Inner, Ledger, LedgerError, Moves, rows};
use crate::ledger::partition_state::PartitionState;
use crate::ledger::totals::{Increment, TotalsMetric};
use crate::ledger::types::{Kind, NewPartition, Work};
use crate::state::{Event, State};

/// An upload under way.
pub struct Upload {
    id: JobId,
    target: String,
    stores: Vec<StoreKind>,
    kind: Kind,
    next_ordinal: i64,
    /// The number of partitions. A partition that holds only repeated ids is dropped.
    partitions: i64,
    selected: u64,
    /// The bytes of the ids in the largest partition.
    largest: usize,
    /// The fingerprints of its job; `None` for a dry run.
    printing: Option<Printing>,
}

impl Upload {
    /// Returns the number of memories that it selects so far.
    pub fn selected(&self) -> u64 {
        self.selected
    }

    pub(in crate::ledger) fn id(&self) -> JobId {
        self.id
    }

    pub(super) fn largest(&self) -> usize {
        self.largest
    }

    pub(super) fn has_one_part(&self) -> bool {
        self.next_ordinal <= 1
    }

    /// Subtracts repeated memories, and partitions that held only repeated memories.
    pub(super) fn shrink(&mut self, memories: usize, partitions: usize) {
        self.selected -= memories as u64;
        self.partitions -= i64::try_from(partitions).unwrap_or(0);
    }
}

impl Ledger {
    /// Begins an upload. `job` has no partitions yet, and its idempotency key has no fingerprint.
    ///
    /// Returns `None` if another upload uses the key at this moment or used it before. Then the caller still
    /// reads the stream to its end, and asks [`Ledger::replayed`].
    pub async fn begin_upload(&self, job: &NewJob, first: &NewPartition) -> Result<Option<Upload>, LedgerError> {
        let inner = &self.inner;
        let mut tx = inner.begin().await?;
        if let Some(key) = &job.idempotency {
            let reserved = sqlx::query(inner.sql(
                "-- ledger::upload key
                INSERT INTO idempotency (principal, route, key_text, fingerprint, job_id, created_at)
                VALUES ($1, $2, $3, '', $4, {now})
                ON CONFLICT (principal, route, key_text) DO NOTHING",
            ))
            .bind(&job.scope.principal)
            .bind(job.scope.route)
            .bind(&key.key)
            .bind(job.id.to_string())
            .execute(&mut *tx)
            .await?;
            if reserved.rows_affected() == 0 {
                return Ok(None);
            }
        }
        insert_jobs(inner, &mut tx, &[job], State::Receiving).await?;
        insert_labels(inner, &mut tx, &[job]).await?;
        tx.commit().await?;
        Ok(Some(Upload {
            id: job.id,
            target: first.route.target.clone(),
            stores: first.stores.clone(),
            kind: first.kind,
            next_ordinal: 0,
            partitions: 0,
            selected: 0,
            largest: 0,
            printing: Printing::begin(job),
        }))
    }

    /// Returns the answer to a request whose key was used before.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Unavailable`] if the database did not answer.
    pub async fn replayed(&self, scope: &Scope, key: &Idempotency) -> Result<Accepted, LedgerError> {
        let row = sqlx::query(self.inner.sql(
            "-- ledger::upload replay
            SELECT fingerprint, job_id FROM idempotency WHERE principal = $1 AND route = $2 AND key_text = $3",
        ))
        .bind(&scope.principal)
        .bind(scope.route)
        .bind(&key.key)
        .fetch_optional(&self.inner.read)
        .await?;
        let Some(row) = row else { return Ok(Accepted::InFlight) };
        let known: String = row.try_get("fingerprint")?;
        Ok(if known.is_empty() {
            Accepted::InFlight
        } else if known == key.fingerprint {
            Accepted::Replay(rows::parsed(&row, "idempotency", "job_id")?)
        } else {
            Accepted::Conflict
        })
    }

    /// Stores a part of the ids.
    // The job is touched first: the ids of an upload that was swept would stay in the ledger for good.
    pub async fn append(&self, upload: &mut Upload, partitions: &[NewPartition]) -> Result<(), LedgerError> {
        let inner = &self.inner;
        let rows = rows_of(
            upload.id,
            upload.next_ordinal,
            PartitionState::Blocked,
            partitions,
            false,
            None,
            None,
        );
        let memories: u64 = partitions.iter().map(|partition| partition.remaining).sum();
        let mut tx = inner.begin().await?;
        touch(inner, &mut tx, upload.id, memories).await?;
        insert_partitions(inner, &mut tx, &rows).await?;
        tx.commit().await?;
        let stored = i64::try_from(partitions.len()).unwrap_or(i64::MAX);
        upload.next_ordinal += stored;
        upload.partitions += stored;
        upload.selected += memories;
        let largest = partitions.iter().map(bytes).max();
        upload.largest = upload.largest.max(largest.unwrap_or(0));
        if let Some(printing) = &mut upload.printing {
            printing.add(partitions);
        }
        Ok(())
    }

    /// Accepts the job of a complete upload. Once this returns, the job is on disk.
    pub async fn finish_upload(&self, upload: Upload, fingerprint: &str) -> Result<JobId, LedgerError> {
        let inner = &self.inner;
        let id = upload.id.to_string();
        let (fingerprint_key, fingerprints) = upload.printing.map(Printing::end).unzip();
        let mut tx = inner.begin().await?;
        let moves = Moves::of(Event::Uploaded);
        let found = sqlx::query(inner.sql(&format!(
            "-- ledger::upload finish
            UPDATE jobs SET state = {}, unfinished = $2, next_ordinal = $4, selected = $3, listed = $3, accepted_at = {{now}},
                not_before = CASE WHEN not_before < {{now}} THEN {{now}} ELSE not_before END,
                idle_since = CASE WHEN not_before < {{now}} THEN {{now}} ELSE not_before END, targets = $5,
                fingerprint_key = $6, fingerprints = $7
            WHERE id = $1 AND state IN ({})",
            moves.to, moves.from
        )))
        .bind(&id)
        .bind(upload.partitions)
        .bind(i64::try_from(upload.selected).unwrap_or(i64::MAX))
        .bind(upload.next_ordinal)
        .bind(&upload.target)
        .bind(fingerprint_key)
        .bind(fingerprints)
        .execute(&mut *tx)
        .await?;
        if found.rows_affected() != 1 {
            return Err(swept(upload.id));
        }
        sqlx::query(inner.sql(
            "-- ledger::upload due
            UPDATE partitions SET state = {partition.due}, due_at = (SELECT not_before FROM jobs WHERE id = $1) WHERE job_id = $1",
        ))
        .bind(&id)
        .execute(&mut *tx)
        .await?;
        sqlx::query(
            inner.sql("-- ledger::upload fingerprint\nUPDATE idempotency SET fingerprint = $2 WHERE job_id = $1"),
        )
        .bind(&id)
        .bind(fingerprint)
        .execute(&mut *tx)
        .await?;
        let selected = upload
            .stores
            .iter()
            .filter(|_| upload.kind != Kind::Preview)
            .map(|store| {
                Increment::new(
                    TotalsMetric::Selected,
                    &upload.target,
                    Some(*store),
                    "",
                    upload.selected,
                )
            });
        let accepted = Increment::new(TotalsMetric::Accepted, "", None, "", 1);
        inner
            .add_totals(&mut tx, std::iter::once(accepted).chain(selected))
            .await?;
        tx.commit().await?;
        Ok(upload.id)
    }

    /// Deletes an upload that was refused or broke off.
    pub async fn abort_upload(&self, upload: Upload) -> Result<(), LedgerError> {
        self.drop_receiving(upload.id).await
    }

    pub(in crate::ledger) async fn drop_receiving(&self, id: JobId) -> Result<(), LedgerError> {
        let mut tx = self.inner.begin().await?;
        let dropped = sqlx::query(
            self.inner
                .sql("-- ledger::upload drop\nDELETE FROM jobs WHERE id = $1 AND state = {job.receiving}"),
        )
        .bind(id.to_string())
        .execute(&mut *tx)
        .await?;
        if dropped.rows_affected() == 1 {
            for sql in [
                "DELETE FROM partitions WHERE job_id = $1",
                "DELETE FROM idempotency WHERE job_id = $1",
            ] {
                sqlx::query(self.inner.sql(sql))
                    .bind(id.to_string())
                    .execute(&mut *tx)
                    .await?;
            }
            delete_labels(&self.inner, &mut tx, &json!([{"id": id}]).to_string()).await?;
        }
        tx.commit().await?;
        Ok(())
    }
}

/// Returns the bytes of the ids in a partition.
fn bytes(partition: &NewPartition) -> usize {
    match &partition.work {
        Work::Ids(ids) => ids.iter().map(String::len).sum(),
        _ => 0,
    }
}

/// Notes that an upload is still under way, and has this many memories more. Fails if it was swept.
// The limit of a caller's unfinished ids counts the ids of incomplete uploads too.
pub(in crate::ledger) async fn touch(
    inner: &Inner,
    tx: &mut AnyConnection,
    id: JobId,
    memories: u64,
) -> Result<(), LedgerError> {
    let touched = sqlx::query(inner.sql(
        "-- ledger::upload touch
        UPDATE jobs SET touched_at = {now}, selected = selected + $2, listed = listed + $2 WHERE id = $1 AND state = {job.receiving}",
    ))
    .bind(id.to_string())
    .bind(i64::try_from(memories).unwrap_or(i64::MAX))
    .execute(tx)
    .await?;
    if touched.rows_affected() == 1 {
        Ok(())
    } else {
        Err(swept(id))
    }
}

/// Returns the error of an upload that was swept because its sender was silent for too long.
fn swept(id: JobId) -> LedgerError {
    LedgerError::Corrupt {
        table: "jobs",
        column: "state",
        row: id.to_string(),
    }
}
