//! Before an effect: write down what is about to happen, keep the lease, keep the pace.

use std::collections::HashMap;
use std::time::Instant;

use serde_json::{Value, json};
use sqlx::Row;

use crate::ledger::db::rows::{self, Key};
use crate::ledger::db::{Ledger, LedgerError};
use crate::ledger::operation::REVISION;
use crate::ledger::types::{Fence, Lease};
use crate::state::State;

/// How much of the time that a throttled job lost it makes up for.
// What a claim takes at its worst, without becoming a burst after a pause.
const CATCH_UP_MS: i64 = 500;

/// What a worker may do after asking the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Go {
    /// Go on; the lease now lasts until then.
    Proceed(Instant),
    /// Begin no new batch: the job is being cancelled.
    Cancel(Instant),
    /// Begin no new batch: the target, or everything, is paused, or a mapping was published that may share the place.
    Pause(Instant),
    /// The lease was lost: touch nothing more.
    Lost,
    /// The ledger refuses this one for good; the lease lasts as before.
    Refused,
}

impl Ledger {
    /// Commits the intents of batches under their leases, and renews these.
    ///
    /// The answers are in the order of the question. An intent is written only for
    /// [`Go::Proceed`]. One that the ledger refuses leaves the others alone: [`Go::Refused`]. An intent in place of
    /// another is written whatever else keeps batches from beginning: its batch has begun, and is finished.
    pub async fn intend(&self, intents: &[(&Lease, String)]) -> Result<Vec<Go>, LedgerError> {
        let mut answers = Vec::with_capacity(intents.len());
        let mut open = vec![intents];
        while let Some(some) = open.pop() {
            match (self.intend_together(some).await, some) {
                (Err(error), [(lease, _)]) if error.is_refusal() => {
                    error.log_refusal(lease.fence());
                    answers.push(Go::Refused);
                }
                // Which one it is shows when it is alone.
                (Err(error), some) if error.is_refusal() && some.len() > 1 => {
                    let (left, right) = some.split_at(some.len() / 2);
                    open.extend([right, left]);
                }
                (written, _) => answers.extend(written?),
            }
        }
        Ok(answers)
    }

    async fn intend_together(&self, intents: &[(&Lease, String)]) -> Result<Vec<Go>, LedgerError> {
        let rows: Vec<Value> = intents
            .iter()
            .map(|(lease, intent)| {
                let mut row = rows::fence(lease.fence());
                row["intent"] = Value::String(intent.clone());
                row["siblings"] = json!(lease.siblings);
                row
            })
            .collect();
        let fences: Vec<Fence> = intents.iter().map(|(lease, _)| lease.fence()).collect();
        self.touch(
            &fences,
            &rows,
            &format!(
                "-- ledger::intend
            UPDATE partitions SET intent = e.value->>'intent', due_at = {{now}} + $2
            FROM {{each}}
            WHERE partitions.job_id = e.value->>'job' AND ordinal = CAST(e.value->>'ordinal' AS BIGINT)
              AND lease_token = CAST(e.value->>'token' AS BIGINT) AND state = {{partition.running}}
              AND (partitions.intent IS NOT NULL
                OR EXISTS (SELECT 1 FROM jobs WHERE jobs.id = partitions.job_id AND jobs.state <> {{job.cancelling}})
                  AND NOT EXISTS (SELECT 1 FROM pauses WHERE scope = '*' OR scope = partitions.target)
                  AND {REVISION} = CAST(e.value->>'siblings' AS BIGINT))
            RETURNING partitions.job_id, ordinal"
            ),
        )
        .await
    }

    /// Renews leases. A cancelled or paused job's too: what has begun is finished.
    pub async fn renew(&self, fences: &[Fence]) -> Result<Vec<Go>, LedgerError> {
        let rows: Vec<Value> = fences.iter().map(|fence| rows::fence(*fence)).collect();
        self.touch(
            fences,
            &rows,
            "-- ledger::renew
            UPDATE partitions SET due_at = {now} + $2
            FROM {each}
            WHERE partitions.job_id = e.value->>'job' AND ordinal = CAST(e.value->>'ordinal' AS BIGINT)
              AND lease_token = CAST(e.value->>'token' AS BIGINT) AND state = {partition.running}
            RETURNING partitions.job_id, ordinal",
        )
        .await
    }

    async fn touch(&self, fences: &[Fence], rows: &[Value], sql: &str) -> Result<Vec<Go>, LedgerError> {
        let until = Instant::now() + self.inner.options.lease;
        let lease_ms = i64::try_from(self.inner.options.lease.as_millis()).unwrap_or(i64::MAX / 4);
        let list = json!(rows).to_string();
        let touched = sqlx::query(self.inner.sql(sql))
            .bind(&list)
            .bind(lease_ms)
            .fetch_all(&self.inner.write)
            .await?;
        let touched = touched.iter().map(rows::key).collect::<Result<Vec<Key>, _>>()?;
        let mut answers: HashMap<Key, Go> = touched.into_iter().map(|key| (key, Go::Proceed(until))).collect();
        if answers.len() < fences.len() {
            self.explain(&list, &mut answers, until).await?;
        }
        Ok(fences
            .iter()
            .map(|fence| answers.get(&(fence.job, fence.ordinal)).copied().unwrap_or(Go::Lost))
            .collect())
    }

    /// Fills in why a partition was not touched.
    async fn explain(&self, list: &str, answers: &mut HashMap<Key, Go>, until: Instant) -> Result<(), LedgerError> {
        let rows = sqlx::query(self.inner.sql(
            "-- ledger::intend explain
            SELECT p.job_id AS job_id, p.ordinal AS ordinal, j.state AS state
            FROM {each}
            JOIN partitions p ON p.job_id = e.value->>'job' AND p.ordinal = CAST(e.value->>'ordinal' AS BIGINT)
              AND p.lease_token = CAST(e.value->>'token' AS BIGINT) AND p.state = {partition.running}
            JOIN jobs j ON j.id = p.job_id",
        ))
        .bind(list)
        .fetch_all(&self.inner.write)
        .await?;
        for row in &rows {
            let cancelling = rows::says(row, "state", State::Cancelling)?;
            // The lease was not renewed: nothing is left to do but to give it back.
            let stop = if cancelling {
                Go::Cancel(until)
            } else {
                Go::Pause(until)
            };
            answers.entry(rows::key(row)?).or_insert(stop);
        }
        Ok(())
    }

    /// Reserves the time of a batch of `n` memories of a throttled job, for the job as a whole. What
    /// was lost since the last one, up to half a second, is made up for.
    ///
    /// Returns `None` if the batch may start now, else the milliseconds to wait.
    pub async fn reserve(&self, lease: &Lease, n: u64) -> Result<Option<u64>, LedgerError> {
        if lease.job.per_second.is_none() {
            return Ok(None);
        }
        let id = lease.job.id.to_string();
        // By the pace that the job has now: by an older one the time could be without end.
        let batch_ms = "CAST(COALESCE(CAST($2 AS DOUBLE PRECISION) / per_second, 0) AS BIGINT)";
        let till = format!(
            "({batch_ms} + CASE WHEN throttled_till > {{now}} - {CATCH_UP_MS} THEN throttled_till
                WHEN throttled_till > 0 THEN {{now}} - {CATCH_UP_MS} ELSE {{now}} END)"
        );
        // What is made up for is not waited for.
        let reserved = sqlx::query(self.inner.sql(&format!(
            "-- ledger::reserve
            UPDATE jobs SET throttled_till = {till}, reserved_at = {{now}},
                throttled_ms = throttled_ms + CASE WHEN {till} > {{now}} THEN {till} - {{now}} ELSE 0 END
            WHERE id = $1 AND (per_second IS NULL OR throttled_till <= {{now}}) RETURNING id"
        )))
        .bind(&id)
        .bind(i64::try_from(n.saturating_mul(1000)).unwrap_or(i64::MAX / 4))
        .fetch_optional(&self.inner.write)
        .await?;
        if reserved.is_some() {
            return Ok(None);
        }
        // The time may have come since.
        Ok(Some(self.throttled(lease).await?.unwrap_or(1)))
    }

    /// Returns how many milliseconds a throttled job has to wait before its next batch may start;
    /// `None` if it need not.
    pub async fn throttled(&self, lease: &Lease) -> Result<Option<u64>, LedgerError> {
        if lease.job.per_second.is_none() {
            return Ok(None);
        }
        let row = sqlx::query(self.inner.sql(
            "-- ledger::throttled
            SELECT CASE WHEN per_second IS NULL THEN 0 ELSE throttled_till - {now} END AS wait FROM jobs WHERE id = $1",
        ))
        .bind(lease.job.id.to_string())
        .fetch_one(&self.inner.read)
        .await?;
        Ok(Some(rows::number(&row, "wait")?).filter(|wait| *wait > 0))
    }
}
