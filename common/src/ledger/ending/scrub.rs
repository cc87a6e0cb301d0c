//! Taking what was forgotten out of SQLite's write-ahead log, which keeps pages as they were until it is begun anew.

use std::sync::atomic::Ordering;

use sqlx::Row;

use crate::ledger::db::{Dialect, Ledger, LedgerError};

impl Ledger {
    /// Empties the log if something was forgotten since, or may have been before this process began. Where a reader is in the
    /// way it is tried again with the next step.
    pub(super) async fn scrub(&self) -> Result<(), LedgerError> {
        let inner = &self.inner;
        if inner.dialect != Dialect::Sqlite || !inner.unclean.swap(false, Ordering::Relaxed) {
            return Ok(());
        }
        let emptied = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)")
            .fetch_one(&inner.write)
            .await;
        let is_busy = match &emptied {
            Ok(row) => row.try_get::<i64, _>(0)? != 0,
            Err(_) => true,
        };
        if is_busy {
            inner.unclean.store(true, Ordering::Relaxed);
        }
        emptied?;
        Ok(())
    }
}
