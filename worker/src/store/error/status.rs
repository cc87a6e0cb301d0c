//! The status of a store's answer.

use std::fmt;

use lethe_common::job::StoreKind;

/// The status of a store's answer, which cannot hold personal data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Status {
    /// The SQLSTATE of a database.
    SqlState([u8; 5]),
    /// The extended result code of SQLite.
    Sqlite(i32),
    /// The error number of MySQL or MariaDB.
    Mysql(u16),
    /// The status code of a gRPC answer.
    Grpc(tonic::Code),
    /// The answer of this kind of store had no status, or there was no answer.
    Silent(StoreKind),
}

impl Status {
    /// Returns the kind of store that gives such a status.
    pub(super) fn store(self) -> StoreKind {
        match self {
            Self::SqlState(_) | Self::Sqlite(_) | Self::Mysql(_) => StoreKind::Sql,
            Self::Grpc(_) => StoreKind::Vector,
            Self::Silent(store) => store,
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SqlState(state) => {
                f.write_str("SQLSTATE ")?;
                state.iter().try_for_each(|byte| write!(f, "{}", char::from(*byte)))
            }
            Self::Sqlite(code) => write!(f, "SQLite {code}"),
            Self::Mysql(number) => write!(f, "MySQL {number}"),
            Self::Grpc(code) => write!(f, "gRPC {code:?}"),
            Self::Silent(_) => f.write_str("no status"),
        }
    }
}
