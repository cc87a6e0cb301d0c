//! The expiry of holds: a hold whose end has passed is released by the ledger itself.

use sqlx::Row as _;

use super::revision::revise;
use super::stored::RELEASED;
use crate::ledger::audit::{self, Act, Actor, Deed, Object};
use crate::ledger::db::{Ledger, LedgerError};

/// The actor of an expiry in the audit trail.
const ACTOR: &str = "lethe";

impl Ledger {
    /// Releases one hold whose end has passed; returns whether there was one. Another process may have released it first.
    pub(in crate::ledger) async fn expire_hold(&self) -> Result<bool, LedgerError> {
        let inner = &self.inner;
        let due = sqlx::query(inner.sql(
            "-- ledger::expire_hold due
            SELECT name FROM holds WHERE released_at IS NULL AND until_at IS NOT NULL AND until_at <= (SELECT {now})
            ORDER BY until_at LIMIT 1",
        ))
        .fetch_optional(&inner.read)
        .await?;
        let Some(row) = due else { return Ok(false) };
        let name: String = row.try_get("name")?;
        let mut tx = inner.begin().await?;
        let revision = revise(inner, &mut tx).await?;
        // A caller may have replaced it, with a later end.
        let text = format!(
            "-- ledger::expire_hold
            UPDATE holds SET {RELEASED} WHERE name = $1 AND released_at IS NULL AND until_at <= (SELECT {{now}})"
        );
        let released = sqlx::query(inner.sql(&text))
            .bind(&name)
            .bind(revision)
            .execute(&mut *tx)
            .await?;
        if released.rows_affected() == 0 {
            tx.rollback().await?;
            return Ok(true);
        }
        let deed = Deed::new(Act::HoldExpire, Object::Hold(&name));
        audit::commit(inner, tx, &Actor::named(ACTOR), deed).await?;
        Ok(true)
    }
}
