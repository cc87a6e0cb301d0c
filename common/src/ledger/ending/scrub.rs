//! Removing deleted data from SQLite's write-ahead log, which keeps old pages until it is truncated.

use sqlx::{AnyConnection, Executor as _, Row as _};

use crate::ledger::db::{BUSY_TIMEOUT, Dialect, Ledger, LedgerError};

impl Ledger {
    /// Empties the log if data was forgotten since it was last emptied, or if that is half a minute ago. Returns whether a
    /// reader or a writer blocks it: then the next step must try again.
    pub(super) async fn scrub(&self) -> Result<bool, LedgerError> {
        let inner = &self.inner;
        if inner.dialect != Dialect::Sqlite || !inner.emptied.is_long_ago() {
            return Ok(false);
        }
        let mut connection = inner.write.acquire().await?;
        // Waiting for readers blocks writers, so it waits 100 ms at most.
        connection.execute("PRAGMA busy_timeout = 100").await?;
        let emptied = empty(&mut connection).await;
        connection.execute(BUSY_TIMEOUT).await?;
        let emptied = emptied?;
        if emptied {
            inner.emptied.is_now();
        }
        Ok(!emptied)
    }
}

/// Empties the log; returns whether it is empty now.
async fn empty(connection: &mut AnyConnection) -> Result<bool, LedgerError> {
    match connection.fetch_one("PRAGMA wal_checkpoint(TRUNCATE)").await {
        Ok(row) => Ok(row.try_get::<i64, _>(0)? == 0),
        // Another process writes.
        Err(sqlx::Error::Database(error)) if error.code().is_some_and(|code| code == "5") => Ok(false),
        Err(error) => Err(error.into()),
    }
}
