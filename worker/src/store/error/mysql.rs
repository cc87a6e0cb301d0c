//! The errors of MySQL and MariaDB, by number: most of them share one SQLSTATE (`HY000`).
//!
//! <https://dev.mysql.com/doc/mysql-errors/8.0/en/server-error-reference.html>,
//! <https://mariadb.com/kb/en/mariadb-error-code-reference/>. A lost connection has no number here
//! (2006 and 2013 are the C client's): the driver reports a failed read.

use super::{Status, StoreError};

/// Returns whether a server that answers with this number still answers other calls: not if it shuts down.
pub(super) fn shows_life(number: u16) -> bool {
    number != 1053
}

/// Returns the store error for an error number.
pub(super) fn of_number(number: u16, state: Option<&str>) -> StoreError {
    let status = Status::Mysql(number);
    match number {
        // Interrupted by an operator; MySQL's `max_execution_time`; MariaDB's `max_statement_time`.
        1317 | 3024 | 1969 => StoreError::Timeout { status },
        // Lock wait timeout; deadlock, or a cluster's conflict at commit; full lock table; NOWAIT; a
        // transaction refused by group replication; a statement that must be prepared again; a table that
        // changed since this transaction began; too many prepared statements.
        1205 | 1213 | 1206 | 3572 | 3101 | 1615 | 1412 | 1461 => StoreError::Busy { status },
        // Access denied for the user; no password; expired password (two numbers); locked account (MySQL,
        // MariaDB); host not permitted; missing authentication plugin.
        1045 | 1698 | 1820 | 1862 | 3118 | 4151 | 1130 | 1524 => StoreError::Unauthorized { status },
        // Access denied to a database, a table, a column; a missing privilege; access denied to a routine.
        1044 | 1142 | 1143 | 1227 | 1370 => StoreError::Forbidden { status },
        // No such table, column, function; an unknown table in a statement.
        1146 | 1054 | 1109 | 1305 => StoreError::Missing { status },
        // Too many connections, connections of this user, errors of this host; a limit of the account;
        // unknown database; shutdown; a killed connection; a cluster that is not ready.
        1040 | 1203 | 1129 | 1226 | 1049 | 1053 | 1927 | 1047 => StoreError::Unavailable { status },
        // A read-only server (a replica, after a failover) or a read-only transaction.
        1290 | 1792 | 1836 => StoreError::ReadOnly { status },
        // A foreign key, of the parent or of the child (two numbers each); NULL; a duplicate.
        1216 | 1217 | 1451 | 1452 | 1048 | 1022 | 1062 => StoreError::Constraint { status },
        // A trigger's SIGNAL, with any SQLSTATE; a trigger that changes its own table, commits, runs a
        // forbidden statement, or has lost its definer; a packet that is too large.
        1644 | 1442 | 1422 | 1336 | 1449 | 1153 => StoreError::Rejected { status },
        _ => match state.and_then(|state| state.get(..2)) {
            Some("08") => StoreError::Unavailable { status },
            Some("28") => StoreError::Unauthorized { status },
            Some("23") => StoreError::Constraint { status },
            Some("40") => StoreError::Busy { status },
            // Out of memory, a full disk, a broken page: faults of the server. A statement that the server
            // refuses (42) is no row's fault.
            Some("HY" | "42") => StoreError::Internal { status },
            _ => StoreError::Rejected { status },
        },
    }
}

#[cfg(test)]
mod tests {
    use super::super::Class;
    use super::*;

    #[test]
    fn what_passes_by_itself_is_transient_and_only_a_server_out_of_reach_an_outage() {
        for (number, state, code, outage) in [
            (1213, "40001", "busy", false),
            (1205, "HY000", "busy", false),
            (1969, "70100", "timeout", false),
            (3024, "HY000", "timeout", false),
            (1040, "08004", "unavailable", true),
            (1290, "HY000", "read_only", true),
            (1045, "28000", "unauthorized", true),
            (1142, "42000", "forbidden", false),
            (1146, "42S02", "missing", false),
            (1114, "HY000", "internal", false),
            (1064, "42000", "internal", false),
            (1104, "42000", "internal", false),
            (1461, "42000", "busy", false),
            (1160, "08S01", "unavailable", true),
        ] {
            let error = of_number(number, Some(state));
            assert_eq!((error.code().as_str(), error.is_outage()), (code, outage), "{number}");
            assert_eq!(error.class(), Class::Transient, "{number}");
        }
    }

    #[test]
    fn what_would_fail_again_is_permanent_and_may_be_one_rows() {
        for (number, state, code) in [
            (1451, "23000", "constraint"),
            (4025, "23000", "constraint"),
            (1644, "45000", "rejected"),
            (1442, "HY000", "rejected"),
            (1449, "HY000", "rejected"),
            (1292, "22007", "rejected"),
        ] {
            let error = of_number(number, Some(state));
            assert_eq!(
                (error.code().as_str(), error.class()),
                (code, Class::Permanent),
                "{number}"
            );
            assert!(error.may_be_one_rows());
        }
        assert_eq!(
            of_number(1451, None).to_string(),
            "a constraint of the database forbids it (MySQL 1451)"
        );
    }
}
