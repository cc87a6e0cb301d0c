//! Changing the pace of a job that has not ended.
//!
//! No message goes to workers. A worker reads the pace with every batch that it records. While it waits for
//! the rate limit, it reads the pace again within a second.

use serde_json::json;

use super::state::state_of;
use crate::job::JobId;
use crate::ledger::audit::{self, Act, Actor, Deed, Object};
use crate::ledger::db::rows::UNENDED;
use crate::ledger::db::{Ledger, LedgerError};
use crate::state::State;

/// The slowest pace, in memories a second: one memory in thirty years. A slower pace is set to this.
pub const SLOWEST: f64 = 1e-9;

/// The result of a change of pace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ThrottleOutcome {
    /// It has the new pace.
    Accepted,
    /// It had ended before.
    Ended(State),
    /// There is no such job.
    Unknown,
}

impl Ledger {
    /// Gives an unfinished job another pace, in memories a second; `None`: as fast as it can.
    ///
    /// A faster pace shortens the wait for the next batch. A slower pace applies from that batch on.
    pub async fn throttle(
        &self,
        id: JobId,
        per_second: Option<f64>,
        by: &Actor,
    ) -> Result<ThrottleOutcome, LedgerError> {
        let inner = &self.inner;
        let mut tx = inner.begin().await?;
        let pace = per_second.map_or(0.0, |pace| pace.max(SLOWEST));
        // In the statement, so that a batch that is just being reserved counts. The next look recomputes the job's
        // idle time. A held job has none.
        let till = "CASE WHEN throttled_till <= {now} OR $2 > 0 AND $2 <= per_second THEN throttled_till
            WHEN $2 > 0 AND per_second IS NOT NULL
                THEN {now} + CAST((throttled_till - {now}) * per_second / $2 AS BIGINT)
            ELSE {now} END";
        let changed = sqlx::query(inner.sql(&format!(
            "-- ledger::throttle
            UPDATE jobs SET version = version + 1, per_second = CASE WHEN $2 > 0 THEN $2 END, throttled_till = {till},
                idle_since = CASE WHEN held_at IS NULL THEN accepted_at END,
                throttled_ms = throttled_ms - (throttled_till - ({till}))
            WHERE id = $1 AND {UNENDED} AND state <> {{job.receiving}} RETURNING id"
        )))
        .bind(id.to_string())
        .bind(pace)
        .fetch_optional(&mut *tx)
        .await?;
        if changed.is_some() {
            let deed = Deed::new(Act::JobThrottle, Object::Job(id)).with("per_second", json!(per_second));
            audit::commit(inner, tx, by, deed).await?;
            return Ok(ThrottleOutcome::Accepted);
        }
        Ok(match state_of(inner, &mut tx, id).await? {
            None | Some(State::Receiving) => ThrottleOutcome::Unknown,
            Some(state) => ThrottleOutcome::Ended(state),
        })
    }
}
