//! Taking what was deleted out of SQLite's write-ahead log, which keeps pages as they were until it is begun anew.

use sqlx::{AnyConnection, Executor as _, Row as _};

use crate::ledger::db::{BUSY_TIMEOUT, Dialect, Ledger, LedgerError};

impl Ledger {
    /// Empties the log if something was forgotten since it was emptied last, or that is long ago. Where a reader stays
    /// in the way, the next step tries again.
    pub(super) async fn scrub(&self) -> Result<(), LedgerError> {
        let inner = &self.inner;
        if inner.dialect != Dialect::Sqlite || !inner.emptied.is_long_ago() {
            return Ok(());
        }
        let mut connection = inner.write.acquire().await?;
        // Who waits for readers keeps writers out: not for one that reads for long.
        connection.execute("PRAGMA busy_timeout = 100").await?;
        let emptied = empty(&mut connection).await;
        connection.execute(BUSY_TIMEOUT).await?;
        if emptied? {
            inner.emptied.is_now();
        }
        Ok(())
    }
}

/// Returns whether the log is empty now.
async fn empty(connection: &mut AnyConnection) -> Result<bool, LedgerError> {
    match connection.fetch_one("PRAGMA wal_checkpoint(TRUNCATE)").await {
        Ok(row) => Ok(row.try_get::<i64, _>(0)? == 0),
        // Another process writes.
        Err(sqlx::Error::Database(error)) if error.code().is_some_and(|code| code == "5") => Ok(false),
        Err(error) => Err(error.into()),
    }
}
