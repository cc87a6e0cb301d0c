//! Pauses: no new batch of a target, or of any target, begins. Acceptance goes on.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use sqlx::Row;
use strum::IntoEnumIterator as _;

use crate::ledger::audit::{self, Act, Actor, Deed, Object};
use crate::ledger::db::{Ledger, LedgerError};
use crate::state::State;

/// The present pauses.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pauses {
    /// Whether everything is paused.
    pub all: bool,
    /// The paused targets.
    pub targets: BTreeSet<String>,
}

impl Ledger {
    /// Returns the present pauses.
    pub async fn pauses(&self) -> Result<Pauses, LedgerError> {
        let rows = sqlx::query(self.inner.sql("-- ledger::pauses\nSELECT scope FROM pauses"))
            .fetch_all(&self.inner.read)
            .await?;
        let mut pauses = Pauses::default();
        for row in rows {
            let scope: String = row.try_get("scope")?;
            if scope == "*" {
                pauses.all = true;
            } else {
                pauses.targets.insert(scope);
            }
        }
        Ok(pauses)
    }

    /// Pauses a target, or everything. No new batch begins. Acceptance goes on.
    pub async fn pause(&self, target: Option<&str>, by: &Actor) -> Result<(), LedgerError> {
        let mut tx = self.inner.begin().await?;
        let paused = sqlx::query(self.inner.sql(
            "-- ledger::pause
            INSERT INTO pauses (scope, paused_at) VALUES ($1, {now}) ON CONFLICT (scope) DO NOTHING",
        ))
        .bind(target.unwrap_or("*"))
        .execute(&mut *tx)
        .await?;
        let deed = Deed::new(Act::Pause, object(target)).changed(paused.rows_affected() == 1);
        audit::commit(&self.inner, tx, by, deed).await?;
        Ok(())
    }

    /// Lifts a pause. Its time does not count towards the `give_up_after` limit of a job.
    pub async fn resume(&self, target: Option<&str>, by: &Actor) -> Result<(), LedgerError> {
        let inner = &self.inner;
        let scope = target.unwrap_or("*");
        let mut tx = inner.begin().await?;
        let lifted =
            sqlx::query(inner.sql("-- ledger::resume\nDELETE FROM pauses WHERE scope = $1 RETURNING paused_at"))
                .bind(scope)
                .fetch_optional(&mut *tx)
                .await?;
        let deed = Deed::new(Act::Resume, object(target)).changed(lifted.is_some());
        let Some(lifted) = lifted else {
            return audit::commit(inner, tx, by, deed).await;
        };
        // Pauses that ended before the oldest unfinished job was accepted are deleted. One index lookup for each state. A held
        // job has no clock, and gets a new one at its release.
        let oldest = |state: State| {
            let state = state.as_str();
            format!("SELECT MIN(accepted_at) AS oldest_at FROM jobs WHERE ended_at IS NULL AND state = {{job.{state}}}")
        };
        let states: Vec<String> = State::iter()
            .filter(|state| !state.rests())
            .map(|state| format!("SELECT ({}) AS oldest_at", oldest(state)))
            .collect();
        sqlx::query(inner.sql(&format!(
            "-- ledger::resume forget
            DELETE FROM past_pauses WHERE resumed_at < (SELECT COALESCE(MIN(oldest_at), {{now}}) FROM ({}) AS oldest)",
            states.join(" UNION ALL ")
        )))
        .execute(&mut *tx)
        .await?;
        sqlx::query(inner.sql(
            "-- ledger::resume past
            INSERT INTO past_pauses (scope, paused_at, resumed_at) VALUES ($1, $2, {now})",
        ))
        .bind(scope)
        .bind(lifted.try_get::<i64, _>("paused_at")?)
        .execute(&mut *tx)
        .await?;
        audit::commit(inner, tx, by, deed).await
    }
}

fn object(target: Option<&str>) -> Object<'_> {
    target.map_or(Object::All, Object::Target)
}
