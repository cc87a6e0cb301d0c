//! Why a store did not do what it was asked, and whether asking again can help.
//!
//! What a database or a vector store says about itself often quotes the values of a row, so
//! nothing of its text is kept: a [`Status`] is all that is left. No retry is decided anywhere
//! but in [`StoreError::class`].

mod grpc;
mod mysql;
mod sql;

use std::fmt;

use lethe_common::error_code::ErrorCode;
use lethe_common::filter::Mistyped;
use lethe_common::job::Field;

pub(super) use sql::shows_life;

use super::{MappingFault, word};

/// Why a store did not do what it was asked.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The store cannot be reached, or is not ready to work.
    #[error("the store is unavailable ({status})")]
    Unavailable {
        /// What it said.
        status: Status,
    },
    /// The store only reads: a standby, or a server or a session that is set to. What it has may be old, so it is
    /// not believed that something is gone.
    #[error("the store only reads: it is a standby, or set to read only ({status})")]
    ReadOnly {
        /// What it said.
        status: Status,
    },
    /// No answer came in time; the work may be done all the same.
    #[error("the store did not answer in time ({status})")]
    Timeout {
        /// What it said.
        status: Status,
    },
    /// The store had no room for this call at this moment: a lock, a deadlock, a rate limit.
    #[error("the store is busy ({status})")]
    Busy {
        /// What it said.
        status: Status,
    },
    /// The store does not know the credentials.
    #[error("the store refused the credentials ({status})")]
    Unauthorized {
        /// What it said.
        status: Status,
    },
    /// The credentials do not reach as far as this call.
    #[error("the store does not permit this to these credentials ({status})")]
    Forbidden {
        /// What it said.
        status: Status,
    },
    /// The table, the column or the collection is not there (any more).
    #[error("a table, column or collection is missing ({status})")]
    Missing {
        /// What it said.
        status: Status,
    },
    /// The mapping does not fit the live schema.
    #[error("the mapping does not fit the store: {}", Listed(.faults))]
    Mapping {
        /// What is missing, and what to write instead.
        faults: Vec<MappingFault>,
    },
    /// The store failed by itself.
    #[error("the store failed ({status})")]
    Internal {
        /// What it said.
        status: Status,
    },
    /// A constraint forbids it: mostly a dependent table that the mapping does not name.
    #[error("a constraint of the database forbids it ({status})")]
    Constraint {
        /// What it said.
        status: Status,
    },
    /// The store refused the call, and would refuse it again.
    #[error("the store rejected the call ({status})")]
    Rejected {
        /// What it said.
        status: Status,
    },
    /// The database left rows in place that it was told to delete: mostly a trigger.
    #[error("the database kept rows that it was told to delete")]
    Kept,
    /// The store answered something that cannot be read.
    #[error("the answer of the store cannot be read")]
    Unreadable,
    /// A demanded field has no column or payload field, so nothing could be said about it.
    #[error("no column or payload field is mapped for `{}`", word(*.field))]
    Unmapped {
        /// The demanded field.
        field: Field,
    },
    /// The collection is in strict mode, where a query may only ask for what has an index.
    #[error("the collection is in strict mode, and payload field `{field}`, which the query asks for, has no index")]
    Unindexed {
        /// The field, as the configuration has it.
        field: String,
    },
    /// A query compares a column with what it cannot hold.
    #[error("a query compares columns with what they cannot hold: {0}")]
    Mistyped(Mistyped),
    /// A store of another target, whose table shares the collection, did not say whether it has the memory's row.
    #[error("target `{target}`, whose table shares the collection: {}", Asked(.error))]
    Neighbour {
        /// The other target.
        target: String,
        /// Why; nothing if it was not asked, since its stores are out of reach.
        error: Option<Box<StoreError>>,
    },
    /// A table has to be read in pieces, and nothing bounds the rows that were there at a job's start.
    #[error("the rows that were there at the start cannot be told in pieces: {why}")]
    NoSnapshot {
        /// What keeps them from being told.
        why: &'static str,
    },
    /// The call was not made: the lease does not last as long as it may take, and was not renewed.
    #[error("the lease does not last as long as a call to a store may take")]
    LeaseLost,
    /// The call itself is wrong; the text says why.
    #[error("wrong use of a store: {0}")]
    Misuse(&'static str),
}

/// Whether asking again can help.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Class {
    /// It can, after a while, or after an operator has mended something.
    Transient,
    /// It cannot: the same call would fail the same way.
    Permanent,
}

/// What a store said, reduced to what cannot hold personal data.
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
    /// It said nothing.
    Silent,
}

impl StoreError {
    /// Returns the class of the error: whether another try can help. No other code decides that of a store's error.
    ///
    /// Transient is also what an operator can mend without changing the job: credentials, a
    /// missing table or collection, a mapping that does not fit. A collection may be rebuilt, an
    /// alias switched or a backup restored at this moment, and a store in which nothing could be
    /// looked up proves nothing about a memory; such errors end with the job's `give_up_after`. So
    /// do rows that are dated in the future, since their time passes. A timeout after the call was
    /// sent is transient because erasing is idempotent.
    pub fn class(&self) -> Class {
        match self {
            Self::Unavailable { .. }
            | Self::ReadOnly { .. }
            | Self::Timeout { .. }
            | Self::Busy { .. }
            | Self::Unauthorized { .. }
            | Self::Forbidden { .. }
            | Self::Missing { .. }
            | Self::Mapping { .. }
            | Self::Internal { .. }
            | Self::Neighbour { error: None, .. }
            | Self::NoSnapshot { .. }
            | Self::LeaseLost => Class::Transient,
            Self::Neighbour { error: Some(error), .. } => error.class(),
            Self::Constraint { .. }
            | Self::Rejected { .. }
            | Self::Kept
            | Self::Unreadable
            | Self::Unmapped { .. }
            | Self::Unindexed { .. }
            | Self::Mistyped(_)
            | Self::Misuse(_) => Class::Permanent,
        }
    }

    /// Returns the code of the error: a metric label, and the job's `last error code`.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Unavailable { .. } | Self::Neighbour { error: None, .. } => ErrorCode::Unavailable,
            Self::ReadOnly { .. } => ErrorCode::ReadOnly,
            Self::Timeout { .. } => ErrorCode::Timeout,
            Self::Busy { .. } => ErrorCode::Busy,
            Self::Unauthorized { .. } => ErrorCode::Unauthorized,
            Self::Forbidden { .. } => ErrorCode::Forbidden,
            Self::Missing { .. } => ErrorCode::Missing,
            Self::Mapping { .. } => ErrorCode::Mapping,
            Self::Internal { .. } => ErrorCode::Internal,
            Self::Constraint { .. } => ErrorCode::Constraint,
            Self::Rejected { .. } => ErrorCode::Rejected,
            Self::Kept => ErrorCode::Kept,
            Self::Unreadable => ErrorCode::Unreadable,
            Self::Unmapped { .. } => ErrorCode::Unmapped,
            Self::Unindexed { .. } => ErrorCode::Unindexed,
            Self::Mistyped(_) => ErrorCode::Mistyped,
            Self::NoSnapshot { .. } => ErrorCode::NoSnapshot,
            Self::Neighbour { error: Some(error), .. } => error.code(),
            Self::LeaseLost => ErrorCode::LeaseLost,
            Self::Misuse(_) => ErrorCode::Misuse,
        }
    }

    /// All that [`code`](Self::code) may return, so that every metric series exists from the start.
    pub const CODES: [ErrorCode; 19] = [
        ErrorCode::Unavailable,
        ErrorCode::ReadOnly,
        ErrorCode::Timeout,
        ErrorCode::Busy,
        ErrorCode::Unauthorized,
        ErrorCode::Forbidden,
        ErrorCode::Missing,
        ErrorCode::Mapping,
        ErrorCode::Internal,
        ErrorCode::Constraint,
        ErrorCode::Rejected,
        ErrorCode::Kept,
        ErrorCode::Unreadable,
        ErrorCode::Unmapped,
        ErrorCode::Unindexed,
        ErrorCode::Mistyped,
        ErrorCode::NoSnapshot,
        ErrorCode::LeaseLost,
        ErrorCode::Misuse,
    ];

    /// Returns whether the error says that the store as a whole is out of reach, so that other
    /// calls would fail too and a breaker should open.
    ///
    /// A [`Timeout`](Self::Timeout) is not one: it may be this call's own size, or somebody's
    /// lock. A caller in doubt pings.
    pub fn is_outage(&self) -> bool {
        matches!(
            self,
            Self::Unavailable { .. } | Self::ReadOnly { .. } | Self::Unauthorized { .. }
        )
    }

    /// Returns whether one row may be to blame for the failure of a statement about many.
    pub(crate) fn may_be_one_rows(&self) -> bool {
        matches!(self, Self::Constraint { .. } | Self::Rejected { .. } | Self::Kept)
    }

    /// Says that the error is that of a store of another target.
    pub(crate) fn of_neighbour(self, target: &str) -> Self {
        match self {
            Self::LeaseLost => Self::LeaseLost,
            error => Self::Neighbour {
                target: target.to_owned(),
                error: Some(Box::new(error)),
            },
        }
    }

    /// Returns the error of a call that ran into its own time limit.
    pub(crate) fn timed_out() -> Self {
        Self::Timeout { status: Status::Silent }
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
            Self::Silent => f.write_str("no status"),
        }
    }
}

struct Asked<'a>(&'a Option<Box<StoreError>>);

impl fmt::Display for Asked<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(error) => error.fmt(f),
            None => f.write_str("its stores are out of reach, and were not asked"),
        }
    }
}

struct Listed<'a>(&'a [MappingFault]);

impl fmt::Display for Listed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, fault) in self.0.iter().enumerate() {
            if position > 0 {
                f.write_str("; ")?;
            }
            fault.fmt(f)?;
        }
        Ok(())
    }
}
