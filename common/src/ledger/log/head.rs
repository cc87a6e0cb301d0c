//! The head of the log, and its signed checkpoint.
//!
//! The head is committed before it is signed. A size therefore has one root, whatever process signs it.

use sqlx::Row as _;
use sqlx::any::AnyRow;

use super::lease::LogLease;
use super::numbers;
use crate::ledger::db::{Ledger, LedgerError, rows};
use crate::tlog::hash::{Hash, from_base64};

/// The head of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogHead {
    /// The number of entries.
    pub size: u64,
    /// The root of the Merkle tree.
    pub root: Hash,
    /// The newest signed checkpoint; `None`: none was signed yet.
    pub checkpoint: Option<String>,
    /// The size in that checkpoint.
    pub signed: u64,
}

impl LogHead {
    /// Returns whether its size has no signature yet. The empty log is signed too.
    pub fn is_unsigned(&self) -> bool {
        self.signed < self.size || self.checkpoint.is_none()
    }
}

impl Ledger {
    /// Returns the head of the log.
    pub async fn log_head(&self) -> Result<LogHead, LedgerError> {
        let row = sqlx::query(
            self.inner
                .sql("-- ledger::log head\nSELECT size, root, checkpoint, signed FROM log_head WHERE id = 1"),
        )
        .fetch_one(&self.inner.read)
        .await?;
        Ok(LogHead {
            size: rows::number(&row, "size")?,
            root: root(&row)?,
            checkpoint: row.try_get("checkpoint")?,
            signed: rows::number(&row, "signed")?,
        })
    }

    /// Publishes the signed checkpoint of a size. Returns whether the head still has that size, under this lease.
    pub async fn sign_head(&self, lease: &LogLease, size: u64, checkpoint: &str) -> Result<bool, LedgerError> {
        let signed = sqlx::query(self.inner.sql(
            "-- ledger::log sign
            UPDATE log_head SET checkpoint = $1, signed = $2 WHERE id = 1 AND size = $2 AND lease_token = $3",
        ))
        .bind(checkpoint)
        .bind(numbers::stored(size))
        .bind(lease.token())
        .execute(&self.inner.write)
        .await?;
        Ok(signed.rows_affected() == 1)
    }
}

/// Reads the root of the head.
pub(super) fn root(row: &AnyRow) -> Result<Hash, LedgerError> {
    let text: String = row.try_get("root")?;
    from_base64(&text).ok_or_else(|| LedgerError::Corrupt {
        table: "log_head",
        column: "root",
        row: "1".to_owned(),
    })
}
