//! The errors of SQL databases, by SQLSTATE, SQLite's result code or MySQL's number; never by text.

use lethe_common::job::StoreKind;
use sqlx::error::DatabaseError;
use sqlx::mysql::MySqlDatabaseError;
use sqlx::postgres::{PgDatabaseError, PgSeverity};
use sqlx::sqlite::SqliteError;

use super::{Status, StoreError, mysql};

/// The status of an error that no database has answered with.
const SILENT: Status = Status::Silent(StoreKind::Sql);

// https://www.sqlite.org/rescode.html: the low byte is the primary code.
const SQLITE_ERROR: i32 = 1;
const SQLITE_PERM: i32 = 3;
const SQLITE_BUSY: i32 = 5;
const SQLITE_LOCKED: i32 = 6;
const SQLITE_NOMEM: i32 = 7;
const SQLITE_READONLY: i32 = 8;
const SQLITE_INTERRUPT: i32 = 9;
const SQLITE_IOERR: i32 = 10;
const SQLITE_CORRUPT: i32 = 11;
const SQLITE_FULL: i32 = 13;
const SQLITE_CANTOPEN: i32 = 14;
const SQLITE_PROTOCOL: i32 = 15;
const SQLITE_SCHEMA: i32 = 17;
const SQLITE_CONSTRAINT: i32 = 19;
const SQLITE_AUTH: i32 = 23;
const SQLITE_NOTADB: i32 = 26;

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        use sqlx::Error;
        match error {
            Error::Database(error) => of_database(&*error),
            // The pool retries a refused connection until its time limit, so a server that is
            // down looks like this.
            Error::Io(_)
            | Error::Tls(_)
            | Error::Protocol(_)
            | Error::PoolTimedOut
            | Error::PoolClosed
            | Error::WorkerCrashed
            | Error::BeginFailed => Self::Unavailable { status: SILENT },
            Error::ColumnDecode { .. }
            | Error::Decode(_)
            | Error::ColumnIndexOutOfBounds { .. }
            | Error::ColumnNotFound(_)
            | Error::TypeNotFound { .. }
            | Error::RowNotFound
            | Error::AnyDriverError(_) => Self::Unreadable(StoreKind::Sql),
            _ => Self::Rejected { status: SILENT },
        }
    }
}

/// Returns whether an error shows that the database itself answers, even if it refuses a connection.
pub(in crate::store) fn shows_life(error: &sqlx::Error) -> bool {
    let sqlx::Error::Database(error) = error else {
        return false;
    };
    if error.try_downcast_ref::<SqliteError>().is_some() {
        // A file has no server: if it cannot be opened, every call fails.
        return !of_database(&**error).is_outage();
    }
    match error.try_downcast_ref::<MySqlDatabaseError>() {
        Some(error) => mysql::shows_life(error.number()),
        None => error.code().is_some_and(|state| state_shows_life(&state)),
    }
}

// 57P0x: the server starts, shuts down or has ended the session. 08: a pooler without a server.
fn state_shows_life(state: &str) -> bool {
    !state.starts_with("57P0") && !state.starts_with("08")
}

fn of_database(error: &dyn DatabaseError) -> StoreError {
    let code = error.code();
    if error.try_downcast_ref::<SqliteError>().is_some() {
        return of_sqlite(
            code.as_deref()
                .and_then(|code| code.parse().ok())
                .unwrap_or(SQLITE_ERROR),
        );
    }
    if let Some(error) = error.try_downcast_ref::<MySqlDatabaseError>() {
        return mysql::of_number(error.number(), error.code());
    }
    let severity = error
        .try_downcast_ref::<PgDatabaseError>()
        .map(PgDatabaseError::severity);
    match code
        .as_deref()
        .and_then(|code| <[u8; 5]>::try_from(code.as_bytes()).ok())
    {
        Some(state) if matches!(severity, Some(PgSeverity::Fatal | PgSeverity::Panic)) => of_ended_session(state),
        Some(state) => of_sqlstate(state),
        None => StoreError::Internal { status: SILENT },
    }
}

/// Returns the error of a server that refused or ended the session. That is no statement's fault, and no row's: 55000
/// is then a database that accepts no connections. From a statement, it may be a trigger's.
fn of_ended_session(state: [u8; 5]) -> StoreError {
    match of_sqlstate(state) {
        StoreError::Rejected { status } | StoreError::Constraint { status } => StoreError::Unavailable { status },
        error => error,
    }
}

fn of_sqlstate(state: [u8; 5]) -> StoreError {
    let status = Status::SqlState(state);
    match &state {
        // statement_timeout, or a cancel request; transaction_timeout of PostgreSQL 17
        b"57014" | b"25P04" => StoreError::Timeout { status },
        // serialization failure, deadlock, lock not available (lock_timeout), object in use
        b"40001" | b"40P01" | b"55P03" | b"55006" => StoreError::Busy { status },
        // insufficient privilege, also for a table with row policies under `row_security = off`
        b"42501" => StoreError::Forbidden { status },
        // undefined table, column, schema, function; a column that changed its type or whose type is gone: no such
        // cast, another type, an undefined type, a changed result of a prepared statement. The table is opened anew.
        b"42P01" | b"42703" | b"3F000" | b"42883" | b"42846" | b"42804" | b"42704" | b"0A000" => {
            StoreError::Missing { status }
        }
        // a standby (after a failover), or a read-only session
        b"25006" => StoreError::ReadOnly { status },
        // a server that shuts down or starts; a dropped database; a session that was idle for too long, also inside
        // a transaction; lost connections; no resources
        [b'5', b'7', b'P', b'0', _] | b"25P03" | b"3D000" | [b'0', b'8', ..] | [b'5', b'3', ..] => {
            StoreError::Unavailable { status }
        }
        [b'2', b'8', ..] => StoreError::Unauthorized { status },
        [b'2', b'3', ..] => StoreError::Constraint { status },
        [b'4', b'0', ..] => StoreError::Busy { status },
        // The server refuses a statement (42), its prepared form (26) or the state of its transaction (25), whatever
        // rows it is about: the schema has changed since the table was opened, or a pooler has changed the session.
        // One row after the other would be refused, after its vectors are gone. MySQL's 42 is the same.
        // The server itself has failed (58, XX).
        [b'4', b'2', ..] | [b'2', b'5' | b'6', ..] | [b'5', b'8', ..] | [b'X', b'X', ..] => {
            StoreError::Internal { status }
        }
        _ => StoreError::Rejected { status },
    }
}

fn of_sqlite(code: i32) -> StoreError {
    let status = Status::Sqlite(code);
    match code & 0xff {
        SQLITE_BUSY | SQLITE_LOCKED | SQLITE_PROTOCOL => StoreError::Busy { status },
        SQLITE_INTERRUPT => StoreError::Timeout { status },
        SQLITE_CANTOPEN | SQLITE_IOERR | SQLITE_FULL | SQLITE_CORRUPT | SQLITE_NOTADB => {
            StoreError::Unavailable { status }
        }
        SQLITE_READONLY | SQLITE_PERM | SQLITE_AUTH => StoreError::Forbidden { status },
        SQLITE_CONSTRAINT => StoreError::Constraint { status },
        SQLITE_NOMEM => StoreError::Internal { status },
        // The statements were valid when the table was opened, so the schema has changed since.
        SQLITE_ERROR | SQLITE_SCHEMA => StoreError::Missing { status },
        _ => StoreError::Rejected { status },
    }
}

#[cfg(test)]
mod tests {
    use super::super::Class;
    use super::*;

    #[test]
    fn what_passes_by_itself_is_transient() {
        for state in [
            "40001", "40P01", "08006", "57P01", "57P03", "53300", "57014", "55P03", "25P03", "25P04",
        ] {
            let state = <[u8; 5]>::try_from(state.as_bytes()).unwrap();
            assert_eq!(
                of_sqlstate(state).class(),
                Class::Transient,
                "{}",
                Status::SqlState(state)
            );
        }
        for code in [5, 517, 6, 262, 10, 14] {
            assert_eq!(of_sqlite(code).class(), Class::Transient, "{code}");
        }
    }

    #[test]
    fn what_would_fail_again_is_permanent() {
        for state in ["22P02", "23503", "P0001", "55000"] {
            let state = <[u8; 5]>::try_from(state.as_bytes()).unwrap();
            assert_eq!(
                of_sqlstate(state).class(),
                Class::Permanent,
                "{}",
                Status::SqlState(state)
            );
        }
        assert_eq!(of_sqlite(787).class(), Class::Permanent);
    }

    #[test]
    fn a_refused_statement_is_no_rows_fault() {
        for state in ["42601", "42P18", "26000", "25P02"] {
            let error = of_sqlstate(<[u8; 5]>::try_from(state.as_bytes()).unwrap());
            assert_eq!(
                (error.code().as_str(), error.class()),
                ("internal", Class::Transient),
                "{state}"
            );
            assert!(!error.may_be_one_rows(), "{state}");
        }
    }

    #[test]
    fn a_changed_column_type_is_no_rows_fault_and_makes_a_worker_open_the_table_anew() {
        for state in ["42883", "42846", "42804", "42704", "0A000"] {
            let error = of_sqlstate(<[u8; 5]>::try_from(state.as_bytes()).unwrap());
            assert!(matches!(error, StoreError::Missing { .. }), "{state}: {error}");
            assert!(error.class() == Class::Transient && !error.may_be_one_rows(), "{state}");
        }
    }

    #[test]
    fn the_guide_tells_what_an_error_means_to_a_job() {
        let page = include_str!("../../../../docs/src/how-to/sqlstates.md");
        let rows: Vec<Vec<&str>> = page
            .lines()
            .skip_while(|line| !line.starts_with("| SQLSTATE |"))
            .skip(2)
            .take_while(|line| line.starts_with('|'))
            .map(|row| row.split('|').map(str::trim).collect())
            .collect();
        assert!(rows.len() > 10, "{rows:?}");
        for row in rows {
            for state in row[1].split('`').skip(1).step_by(2) {
                // `40xxx` stands for the other states of its class.
                let state = state.replace('x', "0");
                let error = of_sqlstate(<[u8; 5]>::try_from(state.as_bytes()).unwrap());
                assert_eq!(format!("`{}`", error.code().as_str()), row[2], "{state}");
                let told = [
                    row[3] == "row",
                    row[3].starts_with("retried"),
                    row[3].contains("target waits"),
                ];
                let is = [
                    error.may_be_one_rows(),
                    error.class() == Class::Transient,
                    error.is_outage(),
                ];
                assert_eq!(told, is, "{state}: {}", row[3]);
            }
        }
    }

    #[test]
    fn an_ended_session_is_no_rows_fault() {
        for (state, code, outage) in [
            (*b"55000", "unavailable", true),
            (*b"22023", "unavailable", true),
            (*b"25P03", "unavailable", true),
            (*b"25P04", "timeout", false),
            (*b"40001", "busy", false),
            (*b"28P01", "unauthorized", true),
        ] {
            let error = of_ended_session(state);
            assert_eq!((error.code().as_str(), error.is_outage()), (code, outage), "{error}");
            assert!(!error.may_be_one_rows(), "{error}");
        }
    }

    #[test]
    fn only_a_store_out_of_reach_is_an_outage() {
        assert!(of_sqlstate(*b"57P03").is_outage());
        assert!(of_sqlstate(*b"28P01").is_outage());
        let standby = of_sqlstate(*b"25006");
        assert!((standby.code().as_str(), standby.is_outage()) == ("read_only", true));
        assert!(StoreError::from(sqlx::Error::PoolTimedOut).is_outage());
        assert!(!of_sqlstate(*b"40P01").is_outage());
        assert!(!of_sqlstate(*b"57014").is_outage());
        assert!(!of_sqlite(5).is_outage());
    }

    #[test]
    fn a_server_that_refuses_a_connection_is_alive() {
        for state in ["53300", "28P01", "55000", "3D000"] {
            assert!(state_shows_life(state), "{state}");
        }
        for state in ["57P01", "57P03", "08006", "08P01"] {
            assert!(!state_shows_life(state), "{state}");
        }
        for number in [1040, 1203, 1226, 1045] {
            assert!(mysql::shows_life(number), "{number}");
        }
        assert!(!mysql::shows_life(1053));
        assert!(!shows_life(&sqlx::Error::PoolTimedOut));
    }

    #[test]
    fn the_text_of_a_database_is_not_kept() {
        let error = StoreError::from(sqlx::Error::Protocol("Key (user_id)=(alice)".to_owned()));
        assert!(!format!("{error} {error:?}").contains("alice"));
        assert_eq!(
            of_sqlstate(*b"23503").to_string(),
            "a constraint of the database forbids it (SQLSTATE 23503)"
        );
    }
}
