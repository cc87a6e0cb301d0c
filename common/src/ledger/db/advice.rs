//! Advice about a ledger that cannot be opened, for the log of a start and for the command line.
//!
//! The texts are fixed: a URL may hold a password, and a database's message may quote values.

use std::io;

use sqlx::migrate::MigrateError;

use super::error::{LedgerError, primary};

/// The beginning of the text of a failed look-up. The standard library has no kind of error for it.
const LOOKUP: &str = "failed to lookup address information";

impl LedgerError {
    /// Returns what happened and what to do, as far as the error shows it.
    pub fn advice(&self) -> Option<&'static str> {
        match self {
            Self::Unavailable(error) | Self::Refused(error) | Self::Rejected(error) => of_error(error),
            Self::Migration(MigrateError::VersionMissing(_)) => {
                Some("a newer version of Lethe has migrated the ledger: start that version, or a newer one")
            }
            Self::Migration(MigrateError::VersionMismatch(_)) => {
                Some("another build of Lethe has migrated the ledger: start that build")
            }
            Self::Contended | Self::Corrupt { .. } | Self::Unmigrated(_) | Self::Migration(_) | Self::Url => None,
        }
    }
}

fn of_error(error: &sqlx::Error) -> Option<&'static str> {
    match error {
        sqlx::Error::Io(error) if is_lookup(error) => {
            Some("the host name in ledger.url does not resolve: correct it, or the name server of this machine")
        }
        // The pool retries a refused connection until its time limit, so a server that is down looks like that.
        sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut => {
            Some("no database answers at the address in ledger.url: start it, or correct the host and the port")
        }
        sqlx::Error::Tls(_) => {
            Some("the server in ledger.url proves no trusted name: correct its certificate, or the URL's sslrootcert")
        }
        sqlx::Error::Database(error) => error.code().and_then(|code| of_code(&code)),
        _ => None,
    }
}

fn is_lookup(error: &io::Error) -> bool {
    error.to_string().starts_with(LOOKUP)
}

fn of_code(code: &str) -> Option<&'static str> {
    match code {
        "28P01" | "28000" => Some("the database refuses the user or the password in ledger.url: correct them"),
        "3D000" => Some("the database in ledger.url does not exist: create it, or correct its name"),
        "42501" => Some("the user in ledger.url lacks a right: run `lethe migrate` as the owner of the tables"),
        "53300" => Some("the server has no free connection: lower ledger.max_connections, or raise the server's limit"),
        "57P03" => Some("the database is starting or stopping: wait"),
        _ => of_result(primary(code)?),
    }
}

/// Returns the advice about a result code of SQLite.
fn of_result(code: i64) -> Option<&'static str> {
    // SQLITE_READONLY, SQLITE_CANTOPEN, SQLITE_NOTADB.
    match code {
        8 => Some("the file in ledger.url is read-only: let this user write it and its directory"),
        14 => Some("the file in ledger.url cannot be opened: create its directory, and let this user write there"),
        26 => Some("the file in ledger.url is no SQLite database: name another"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_that_is_not_found_is_told_from_one_that_does_not_answer() {
        let lookup = io::Error::other(format!("{LOOKUP}: Name or service not known"));
        let advice = LedgerError::from(sqlx::Error::Io(lookup)).advice().unwrap();
        assert!(advice.contains("does not resolve"), "{advice}");
        for error in [
            sqlx::Error::PoolTimedOut,
            sqlx::Error::Io(io::ErrorKind::ConnectionReset.into()),
        ] {
            let advice = LedgerError::from(error).advice().unwrap();
            assert!(advice.contains("no database answers"), "{advice}");
        }
        assert!(LedgerError::Contended.advice().is_none());
    }

    #[test]
    fn a_ledger_of_another_version_says_which_one_to_start() {
        for (error, says) in [
            (MigrateError::VersionMissing(9), "newer version"),
            (MigrateError::VersionMismatch(1), "another build"),
        ] {
            let advice = LedgerError::from(error).advice().unwrap();
            assert!(advice.contains(says), "{advice}");
        }
    }

    #[test]
    fn codes_of_both_databases_have_advice() {
        for (code, says) in [
            ("28P01", "password"),
            ("3D000", "create it"),
            ("14", "directory"),
            // SQLITE_CANTOPEN_ISDIR
            ("526", "directory"),
            ("26", "no SQLite database"),
        ] {
            assert!(of_code(code).unwrap().contains(says), "{code}");
        }
        for code in ["23505", "1", "XX000"] {
            assert!(of_code(code).is_none(), "{code}");
        }
    }
}
