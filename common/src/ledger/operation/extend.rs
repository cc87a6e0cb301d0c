//! Extending the deadline of a job that has not ended, once.
//!
//! The API knows how far the job's regime allows. This module knows whether the job may be extended at all.

use serde_json::json;
use sqlx::Row;

use crate::clock::from_millis;
use crate::job::JobId;
use crate::ledger::audit::{self, Act, Actor, Deed, Object};
use crate::ledger::db::rows::UNENDED;
use crate::ledger::db::{Ledger, LedgerError, rows};
use crate::receipt::ExtensionReason;
use crate::state::State;

/// The result of an extension.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExtendOutcome {
    /// It has the later deadline.
    Accepted,
    /// It had ended before.
    Ended(State),
    /// It has no deadline.
    NoDeadline,
    /// It was extended before.
    Again,
    /// Its deadline has passed.
    Passed,
    /// The time is not after its deadline.
    NotLater,
    /// There is no such job.
    Unknown,
}

impl Ledger {
    /// Extends the deadline of an unfinished job to `until`, in milliseconds since 1970. A deadline is extended once, and
    /// only before it has passed: until then the person has to hear of it.
    pub async fn extend(
        &self,
        id: JobId,
        until: i64,
        reason: ExtensionReason,
        by: &Actor,
    ) -> Result<ExtendOutcome, LedgerError> {
        let inner = &self.inner;
        let mut tx = inner.begin().await?;
        let changed = sqlx::query(inner.sql(&format!(
            "-- ledger::extend
            UPDATE jobs SET version = version + 1, extended_from = deadline_at, deadline_at = $2, extension = $3
            WHERE id = $1 AND {UNENDED} AND state <> {{job.receiving}} AND extended_from IS NULL
              AND deadline_at >= {{now}} AND deadline_at < $2
            RETURNING extended_from"
        )))
        .bind(id.to_string())
        .bind(until)
        .bind(reason.as_str())
        .fetch_optional(&mut *tx)
        .await?;
        if let Some(row) = changed {
            let from: i64 = row.try_get("extended_from")?;
            let deed = Deed::new(Act::JobExtend, Object::Job(id))
                .with("reason", json!(reason.as_str()))
                .with("from", json!(from_millis(from)))
                .with("until", json!(from_millis(until)));
            audit::commit(inner, tx, by, deed).await?;
            return Ok(ExtendOutcome::Accepted);
        }
        let row = sqlx::query(inner.sql(
            "-- ledger::extend state
            SELECT id, state, deadline_at, extended_from, ended_at, {now} AS now_ms FROM jobs WHERE id = $1",
        ))
        .bind(id.to_string())
        .fetch_optional(&mut *tx)
        .await?;
        let Some(row) = row else {
            return Ok(ExtendOutcome::Unknown);
        };
        let state = rows::parsed(&row, "jobs", "state")?;
        let deadline: Option<i64> = row.try_get("deadline_at")?;
        Ok(match deadline {
            _ if state == State::Receiving => ExtendOutcome::Unknown,
            _ if row.try_get::<Option<i64>, _>("ended_at")?.is_some() => ExtendOutcome::Ended(state),
            None => ExtendOutcome::NoDeadline,
            Some(_) if row.try_get::<Option<i64>, _>("extended_from")?.is_some() => ExtendOutcome::Again,
            Some(at) if at < row.try_get("now_ms")? => ExtendOutcome::Passed,
            Some(_) => ExtendOutcome::NotLater,
        })
    }
}
