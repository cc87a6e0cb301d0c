//! Queuing an ended job for another attempt.

use serde_json::json;
use sqlx::Row;

use super::restart::finish;
use super::settled::Open;
use super::{renew, settled};
use crate::job::{JobId, SelectorKind};
use crate::ledger::audit::{self, Act, Actor, Deed, Object};
use crate::ledger::db::{Ledger, LedgerError, Moves, rows};
use crate::ledger::holds;
use crate::ledger::types::WarningCode;
use crate::state::{Event, State};

/// The result of a request for another attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RetryOutcome {
    /// It is queued again.
    Accepted,
    /// It has not failed, nor was it cancelled.
    NotEnded(State),
    /// It states an expected selection, which is valid for one attempt only.
    Expects,
    /// The retention of its ids has passed: the ledger no longer knows the memories to erase.
    Forgotten,
    /// There is no such job.
    Unknown,
}

/// The number of tries to queue a job that other callers retry too. Between two tries a whole attempt ends.
const TRIES: usize = 5;

impl Ledger {
    /// Queues an ended job for another attempt.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Unavailable`] if the database did not answer. [`LedgerError::Contended`] if other callers retried
    /// the job at each try.
    pub async fn retry(&self, id: JobId, by: &Actor) -> Result<RetryOutcome, LedgerError> {
        for _ in 0..TRIES {
            if let Some(outcome) = self.retry_as_read(id, by).await? {
                return Ok(outcome);
            }
        }
        Err(LedgerError::Contended)
    }

    /// Queues an ended job for another attempt, unless another attempt ended since the job was read.
    async fn retry_as_read(&self, id: JobId, by: &Actor) -> Result<Option<RetryOutcome>, LedgerError> {
        let Some(view) = self.job(id).await? else {
            return Ok(Some(RetryOutcome::Unknown));
        };
        let inner = &self.inner;
        let mut tx = inner.begin().await?;
        let moves = Moves::of(Event::RetryRequested);
        let id_text = id.to_string();
        // Only the attempt that was read: another caller may have requested a retry meanwhile.
        let found = sqlx::query(inner.sql(&format!(
            "-- ledger::retry
            UPDATE jobs SET version = version + 1, state = {}, attempt = attempt + 1, round = 0, failures = 0,
                error_code = NULL, snapshot = NULL, preview = NULL, skipped = 0, throttled_ms = 0,
                warnings = CASE WHEN warnings LIKE '%{}%' THEN warnings END,
                task_forgotten = 0, aborts = CASE WHEN aborts = 2 THEN 1 ELSE aborts END, ended_at = NULL, held_at = NULL, started_at = NULL,
                not_before = {{now}},
                progressed_at = NULL, rate = 0, accounted = 0, sampled_at = NULL, course = NULL, idle_since = {{now}},
                request = NULL, owed = 0
            WHERE id = $1 AND attempt = $2 AND state IN ({}) AND forgotten_at IS NULL AND expect IS NULL
            RETURNING kind",
            moves.to,
            WarningCode::DependentsUncounted.as_str(),
            moves.from
        )))
        .bind(&id_text)
        .bind(i64::try_from(view.attempt).unwrap_or(i64::MAX))
        .fetch_optional(&mut *tx)
        .await?;
        let Some(row) = found else {
            drop(tx);
            return self.why_not_retried(id).await;
        };
        let unlisted = !rows::says(&row, "kind", SelectorKind::Ids)?;
        if view.dry_run {
            renew::dry_run(inner, &mut tx, &id_text).await?;
        } else {
            settled::keep(inner, &mut tx, &id_text, Open::Unsettled).await?;
            if unlisted {
                renew::unlisted(inner, &mut tx, &id_text).await?;
            } else {
                renew::listed(inner, &mut tx, &id_text).await?;
            }
            settled::forget_the_rest(inner, &mut tx, &id_text).await?;
            holds::forget(inner, &mut tx, &json!([{"id": id}]).to_string()).await?;
        }
        finish(inner, &mut tx, &view, Open::Unsettled, 1).await?;
        let deed = Deed::new(Act::JobRetry, Object::Job(id)).with("attempt", view.attempt + 1);
        audit::commit(inner, tx, by, deed).await?;
        Ok(Some(RetryOutcome::Accepted))
    }

    /// Returns the reason for which a job was not retried; `None` if only another attempt has ended meanwhile.
    async fn why_not_retried(&self, id: JobId) -> Result<Option<RetryOutcome>, LedgerError> {
        let row = sqlx::query(
            self.inner
                .sql("-- ledger::retry state\nSELECT id, state, forgotten_at, expect FROM jobs WHERE id = $1"),
        )
        .bind(id.to_string())
        .fetch_optional(&self.inner.write)
        .await?;
        let Some(row) = row else {
            return Ok(Some(RetryOutcome::Unknown));
        };
        let state: State = rows::parsed(&row, "jobs", "state")?;
        let forgotten = row.try_get::<Option<i64>, _>("forgotten_at")?.is_some();
        let expects = row.try_get::<Option<String>, _>("expect")?.is_some();
        Ok(match state {
            State::Failed | State::Cancelled if forgotten => Some(RetryOutcome::Forgotten),
            State::Failed | State::Cancelled => expects.then_some(RetryOutcome::Expects),
            State::Receiving => Some(RetryOutcome::Unknown),
            _ => Some(RetryOutcome::NotEnded(state)),
        })
    }
}
