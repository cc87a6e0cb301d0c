//! What can go wrong in the ledger.

/// Why the ledger did not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LedgerError {
    /// The database did not answer, or said that it is busy; trying again may help.
    #[error("the ledger database is unavailable")]
    Unavailable(#[source] sqlx::Error),
    /// The database refused a statement, and would refuse it again.
    #[error("the ledger database rejected a statement")]
    Rejected(#[source] sqlx::Error),
    /// A row holds what this version cannot read.
    #[error("the ledger's table `{table}` holds an unreadable `{column}` in row {row}")]
    Corrupt {
        /// The table.
        table: &'static str,
        /// The column.
        column: &'static str,
        /// The row's key.
        row: String,
    },
    /// The migrations could not be applied.
    #[error("the ledger could not be migrated")]
    Migration(#[source] sqlx::migrate::MigrateError),
    /// The URL is of no kind the ledger knows.
    #[error("the ledger's URL must begin with postgres:// or sqlite://")]
    Url,
}

impl From<sqlx::Error> for LedgerError {
    fn from(error: sqlx::Error) -> Self {
        if is_transient(&error) {
            Self::Unavailable(error)
        } else {
            Self::Rejected(error)
        }
    }
}

impl LedgerError {
    /// Returns whether the same call may succeed later.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable(_))
    }

    /// Returns the SQLSTATE or SQLite's result code, for logs: texts of databases may hold values.
    pub fn sqlstate(&self) -> Option<String> {
        match self {
            Self::Unavailable(error) | Self::Rejected(error) => error
                .as_database_error()
                .and_then(sqlx::error::DatabaseError::code)
                .map(std::borrow::Cow::into_owned),
            Self::Corrupt { .. } | Self::Migration(_) | Self::Url => None,
        }
    }
}

/// Returns whether a database error says "not now".
fn is_transient(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Database(database) => database.code().is_some_and(|code| {
            // Serialization, deadlock, connection and resource classes of PostgreSQL, its shutdown
            // codes, timeouts of locks and statements; a database or a table that is not there yet,
            // since an api serves before the migrations are through.
            ["40001", "40P01", "57P01", "57P02", "57P03", "55P03", "57014", "3D000", "42P01"].contains(&code.as_ref())
                || code.starts_with("08")
                || code.starts_with("53")
                // SQLITE_BUSY and SQLITE_LOCKED, an I/O error and a full disk, which an operator can mend;
                // extended codes keep the primary one in the low byte.
                || (code.len() != 5 && code.parse::<i64>().is_ok_and(|code| matches!(code & 0xff, 5 | 6 | 10 | 13)))
        }),
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::Protocol(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed => true,
        _ => false,
    }
}
