//! The errors of the ledger.

use sqlx::migrate::MigrateError;

use crate::ledger::types::Fence;
use crate::telemetry::unless_in_span;

/// The reason for which a call of the ledger failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LedgerError {
    /// The database did not answer, or is busy. A retry may succeed.
    #[error("the ledger database is unavailable")]
    Unavailable(#[source] sqlx::Error),
    /// Other transactions changed the same rows at each try. A retry may succeed.
    #[error("other transactions changed the same rows of the ledger at each try")]
    Contended,
    /// The database refuses the values of one step, and would refuse them again.
    #[error("the ledger database refuses the values of a step")]
    Refused(#[source] sqlx::Error),
    /// The database rejects a statement, whatever its values, until an operator changes something.
    #[error("the ledger database rejected a statement")]
    Rejected(#[source] sqlx::Error),
    /// A row holds a value that this version cannot read.
    #[error("the ledger's table `{table}` holds an unreadable `{column}` in row {row}")]
    Corrupt {
        /// The table.
        table: &'static str,
        /// The column.
        column: &'static str,
        /// The row's key.
        row: String,
    },
    /// Migrations are missing and the user of the URL may not apply them, or it may not read which are applied.
    #[error(
        "the ledger lacks migrations, or its user lacks rights: run `lethe migrate` as the owner of its tables, then deploy/grants/ledger.sql"
    )]
    Unmigrated(#[source] sqlx::Error),
    /// The migrations could not be applied, or another version of Lethe has migrated the ledger.
    #[error("the ledger could not be migrated")]
    Migration(#[source] MigrateError),
    /// The URL has an unknown scheme.
    #[error("begin the ledger's URL with postgres://, postgresql:// or sqlite:")]
    Url,
}

impl From<sqlx::Error> for LedgerError {
    fn from(error: sqlx::Error) -> Self {
        let kind: fn(sqlx::Error) -> Self = match &error {
            error if is_transient(error) => Self::Unavailable,
            sqlx::Error::Database(database) if database.code().is_some_and(|code| is_refusal(&code)) => Self::Refused,
            _ => Self::Rejected,
        };
        kind(error)
    }
}

impl From<MigrateError> for LedgerError {
    fn from(error: MigrateError) -> Self {
        match error {
            MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) if lacks_right(&error) => {
                Self::Unmigrated(error)
            }
            MigrateError::Execute(error) => Self::from(error),
            other => Self::Migration(other),
        }
    }
}

impl LedgerError {
    /// Returns the error for callers that shared a failed group. The first caller gets the database's own error.
    pub(super) fn away() -> Self {
        Self::Unavailable(sqlx::Error::WorkerCrashed)
    }

    /// Returns whether the same call may succeed later.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::Contended)
    }

    /// Returns whether the database cannot be reached, or serves no statement at all.
    pub(in crate::ledger) fn is_away(&self) -> bool {
        let Self::Unavailable(error) = self else { return false };
        let Some(code) = error.as_database_error().and_then(sqlx::error::DatabaseError::code) else {
            return true;
        };
        // A read-only session; connections (08), resources (53), shutdown (57P).
        code == "25006" || (code.len() == 5 && ["08", "53", "57P"].iter().any(|class| code.starts_with(class)))
    }

    /// Returns whether the call itself is to blame, and would be refused again.
    pub fn is_refusal(&self) -> bool {
        matches!(self, Self::Refused(_) | Self::Corrupt { .. })
    }

    /// Logs the partition whose step was refused.
    pub(in crate::ledger) fn log_refusal(&self, fence: Fence) {
        tracing::error!(
            job.id = unless_in_span("job.id", tracing::field::display(fence.job)),
            partition = unless_in_span("partition", fence.ordinal),
            ledger.sqlstate = self.sqlstate(),
            "the ledger refuses a step of a partition"
        );
    }

    /// Returns the SQLSTATE or SQLite's result code, for logs. Database messages are not logged: they may hold values.
    pub fn sqlstate(&self) -> Option<String> {
        match self {
            Self::Unavailable(error) | Self::Refused(error) | Self::Rejected(error) | Self::Unmigrated(error) => error
                .as_database_error()
                .and_then(sqlx::error::DatabaseError::code)
                .map(std::borrow::Cow::into_owned),
            Self::Contended | Self::Corrupt { .. } | Self::Migration(_) | Self::Url => None,
        }
    }
}

/// Returns whether a database error is transient.
fn is_transient(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Database(database) => database.code().is_some_and(|code| is_transient_code(&code)),
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::Protocol(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed => true,
        _ => false,
    }
}

/// Returns whether the database's user lacks a right.
pub(super) fn lacks_right(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
    code.is_some_and(|code| code == "42501")
}

fn is_transient_code(code: &str) -> bool {
    // Time limits of locks and statements; a read-only session, as on a server that was replaced; a missing database or
    // table, since an api serves before the migrations are complete.
    ["55P03", "57014", "25006", "3D000", "42P01"].contains(&code)
        // Connections, rollbacks (serialization, deadlock), resources, shutdown, the operating system.
        || (code.len() == 5 && ["08", "40", "53", "57P", "58"].iter().any(|class| code.starts_with(class)))
        // SQLITE_BUSY and SQLITE_LOCKED, an I/O error and a full disk, which an operator can fix.
        || primary(code).is_some_and(|code| matches!(code, 5 | 6 | 10 | 13))
}

/// Returns whether a code blames the values of one step. Other steps succeed.
fn is_refusal(code: &str) -> bool {
    // Data exceptions, constraints, limits of the database, check options of views, exceptions of triggers.
    (code.len() == 5 && ["22", "23", "44", "54", "P0"].iter().any(|class| code.starts_with(class)))
        // SQLITE_TOOBIG, SQLITE_CONSTRAINT (which triggers raise too), SQLITE_MISMATCH.
        || primary(code).is_some_and(|code| matches!(code, 18..=20))
}

/// Returns SQLite's primary result code: the low byte of an extended code.
pub(super) fn primary(code: &str) -> Option<i64> {
    // A SQLSTATE has five characters. SQLite's codes have fewer.
    let code = code.parse::<i64>().ok().filter(|_| code.len() != 5);
    code.map(|code| code & 0xff)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_blames_the_values_is_told_from_what_may_pass_and_from_what_an_operator_changes() {
        // An index row that is too large, bad JSON, a CHECK, a trigger; SQLite's too big, CHECK and trigger.
        for code in ["54000", "22P02", "22P05", "23514", "P0001", "18", "275", "1811"] {
            assert!(is_refusal(code) && !is_transient_code(code), "{code}");
        }
        for code in [
            "40001", "40P01", "08006", "53100", "53300", "57P01", "57014", "25006", "5", "261", "10", "13",
        ] {
            assert!(is_transient_code(code) && !is_refusal(code), "{code}");
        }
        // Missing rights, a missing column, a server's internal error; SQLite's generic error and a read-only file.
        for code in ["42501", "42703", "XX000", "1", "8"] {
            assert!(!is_transient_code(code) && !is_refusal(code), "{code}");
        }
    }

    #[test]
    fn missing_migrations_of_an_owner_are_told_from_an_outage() {
        let error = LedgerError::Unmigrated(sqlx::Error::RowNotFound);
        assert!(!error.is_transient() && !error.is_refusal());
        let outage = LedgerError::from(MigrateError::Execute(sqlx::Error::PoolTimedOut));
        assert!(outage.is_transient());
    }

    #[test]
    fn a_contended_call_may_be_repeated_and_takes_no_other_call_with_it() {
        assert!(LedgerError::Contended.is_transient() && !LedgerError::Contended.is_away());
        assert!(LedgerError::away().is_transient() && LedgerError::away().is_away());
    }
}
