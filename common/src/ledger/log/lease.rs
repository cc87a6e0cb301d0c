//! The lease of the sequencer: one process at a time adds to the log.

use std::time::Duration;

use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row as _};

use crate::ledger::db::{Inner, Ledger, LedgerError};

/// The right to add to the log, until another process takes it over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogLease {
    token: i64,
}

impl LogLease {
    /// Returns its fence. It grows when another process takes over.
    pub fn token(&self) -> i64 {
        self.token
    }
}

impl Ledger {
    /// Takes or renews the lease of the log for `lease`. Returns `None` while another process has it.
    ///
    /// `worker` is the name of this process, unique per start. A renewal keeps the token.
    // A lease that ends much later was taken before the ledger's clock went back. Its fence keeps its holder out.
    pub async fn lead_log(&self, worker: &str, lease: Duration) -> Result<Option<LogLease>, LedgerError> {
        let row = sqlx::query(self.inner.sql(
            "-- ledger::log lead
            UPDATE log_head SET worker = $1, lease_until = {now} + $2,
                lease_token = CASE WHEN worker = $1 THEN lease_token ELSE lease_token + 1 END
            WHERE id = 1 AND (worker = $1 OR lease_until <= {now} OR lease_until > {now} + 2 * $2)
            RETURNING lease_token",
        ))
        .bind(worker)
        .bind(i64::try_from(lease.as_millis()).unwrap_or(i64::MAX / 4))
        .fetch_optional(&self.inner.write)
        .await?;
        row.map(|row| {
            let token = row.try_get("lease_token")?;
            Ok(LogLease { token })
        })
        .transpose()
    }

    /// Gives the lease of the log back, so that another process can take over at once.
    pub async fn leave_log(&self, lease: &LogLease) -> Result<(), LedgerError> {
        sqlx::query(self.inner.sql(
            "-- ledger::log leave
            UPDATE log_head SET worker = NULL, lease_until = 0 WHERE id = 1 AND lease_token = $1",
        ))
        .bind(lease.token)
        .execute(&self.inner.write)
        .await?;
        Ok(())
    }
}

/// Locks the head of the log for a transaction, and returns its size and root. `None`: the lease is another process's.
pub(super) async fn lock(
    inner: &Inner,
    tx: &mut AnyConnection,
    lease: &LogLease,
) -> Result<Option<AnyRow>, LedgerError> {
    let head = sqlx::query(inner.sql(
        "-- ledger::log lock
        SELECT size, root FROM log_head WHERE id = 1 AND lease_token = $1 {locked}",
    ))
    .bind(lease.token)
    .fetch_optional(tx)
    .await?;
    Ok(head)
}
