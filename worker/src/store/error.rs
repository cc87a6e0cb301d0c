//! The errors of stores, and whether a retry can help.
//!
//! Error texts of databases and vector stores often quote the values of a row. So the text is
//! dropped, and only a `Status` is kept. Only [`StoreError::class`] decides about retries.

mod grpc;
mod mysql;
mod sql;
mod status;

use std::fmt;

use lethe_common::error_code::ErrorCode;
use lethe_common::filter::Mistyped;
use lethe_common::job::{Field, StoreKind};

pub(super) use sql::shows_life;
pub(super) use status::Status;

use super::{MappingFault, word};

/// The error of a call to a store.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The store cannot be reached, or is not ready to work.
    #[error("the store is unavailable ({status})")]
    Unavailable {
        /// The status of its answer.
        status: Status,
    },
    /// The store only reads: a standby, or a read-only server or session. Its data may be old, so a row that is
    /// missing there may still exist.
    #[error("the store is read-only: a standby, or a read-only server or session ({status})")]
    ReadOnly {
        /// The status of its answer.
        status: Status,
    },
    /// No answer came in time. The store may have done the work.
    #[error("the store did not answer in time ({status})")]
    Timeout {
        /// The status of its answer.
        status: Status,
    },
    /// The store could not take this call at the moment: a lock, a deadlock, a rate limit.
    #[error("the store is busy ({status})")]
    Busy {
        /// The status of its answer.
        status: Status,
    },
    /// The store does not know the credentials.
    #[error("the store refused the credentials ({status})")]
    Unauthorized {
        /// The status of its answer.
        status: Status,
    },
    /// The credentials do not permit this call.
    #[error("the credentials do not permit this call ({status})")]
    Forbidden {
        /// The status of its answer.
        status: Status,
    },
    /// The table, the column or the collection does not exist (any more).
    #[error("a table, column or collection is missing ({status})")]
    Missing {
        /// The status of its answer.
        status: Status,
    },
    /// The mapping does not fit the live schema.
    #[error("the mapping does not fit the store: {}", Listed(.faults))]
    Mapping {
        /// The store.
        store: StoreKind,
        /// The faults, each with advice where there is some.
        faults: Vec<MappingFault>,
    },
    /// The store had an internal error, or refuses the statement whatever rows it is about.
    #[error("the store failed ({status})")]
    Internal {
        /// The status of its answer.
        status: Status,
    },
    /// A constraint forbids the deletion: mostly the mapping lacks a dependent table.
    #[error("a constraint of the database forbids it ({status})")]
    Constraint {
        /// The status of its answer.
        status: Status,
    },
    /// The store refused the call, and would refuse it again.
    #[error("the store rejected the call ({status})")]
    Rejected {
        /// The status of its answer.
        status: Status,
    },
    /// The store kept memories that it was told to delete: in a database, mostly because of a trigger.
    #[error("the store kept memories that it was told to delete")]
    Kept(StoreKind),
    /// The answer of the store cannot be read.
    #[error("the answer of the store cannot be read")]
    Unreadable(StoreKind),
    /// A required field has no mapped column or payload field, so it cannot be checked.
    #[error("no column or payload field is mapped for `{}`", word(*.field))]
    Unmapped {
        /// The store.
        store: StoreKind,
        /// The required field.
        field: Field,
    },
    /// The collection is in strict mode, which permits queries on indexed fields only.
    #[error("the collection is in strict mode, and payload field `{field}` of the query has no index")]
    Unindexed {
        /// The field, as the configuration or the query names it.
        field: String,
    },
    /// A query compares a column with a value of another type, or a row holds such a value there.
    #[error("a query compares columns with values of another type: {0}")]
    Mistyped(Mistyped),
    /// A store of another target that shares the collection did not answer whether it has the memory's row.
    #[error("target `{target}`, whose table shares the collection: {}", Asked(.error))]
    Neighbour {
        /// The other target.
        target: String,
        /// The error of that store. `None`: the target's stores are out of reach and were not asked.
        error: Option<Box<StoreError>>,
    },
    /// A table must be read in pieces, and no time bound marks the rows of a job's start.
    #[error("no snapshot of a table that is read in pieces: {why}")]
    NoSnapshot {
        /// The reason why there is no bound.
        why: &'static str,
    },
    /// The call was not made: it may outlast the lease, and the lease was not renewed.
    #[error("the lease would expire during the call to the store")]
    LeaseLost,
    /// The call itself is wrong; the text says why.
    #[error("wrong use of a store: {1}")]
    Misuse(StoreKind, &'static str),
}

/// Whether a retry can help.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Class {
    /// It can, after a while or after a fix by an operator.
    Transient,
    /// It cannot: the same call would fail the same way.
    Permanent,
}

impl StoreError {
    /// Returns the class of the error: whether a retry can help. No other code decides that of a store's error.
    ///
    /// Errors that an operator can fix without a change of the job are transient too: credentials, a
    /// missing table or collection, a mapping that does not fit. A collection may be rebuilt, an alias
    /// switched or a backup restored at this moment, and a failed lookup proves nothing about a memory.
    /// The retries end with the job's `give_up_after`. Rows dated in the future are transient: their
    /// time passes. A timeout after the call was sent is transient because erasing is idempotent.
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
            | Self::Kept(_)
            | Self::Unreadable(_)
            | Self::Unmapped { .. }
            | Self::Unindexed { .. }
            | Self::Mistyped(_)
            | Self::Misuse(..) => Class::Permanent,
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
            Self::Kept(_) => ErrorCode::Kept,
            Self::Unreadable(_) => ErrorCode::Unreadable,
            Self::Unmapped { .. } => ErrorCode::Unmapped,
            Self::Unindexed { .. } => ErrorCode::Unindexed,
            Self::Mistyped(_) => ErrorCode::Mistyped,
            Self::NoSnapshot { .. } => ErrorCode::NoSnapshot,
            Self::Neighbour { error: Some(error), .. } => error.code(),
            Self::LeaseLost => ErrorCode::LeaseLost,
            Self::Misuse(..) => ErrorCode::Misuse,
        }
    }

    /// The codes of transient errors. A lost lease is not among them: metrics count it as a class of its own.
    pub const TRANSIENT: [ErrorCode; 10] = [
        ErrorCode::Unavailable,
        ErrorCode::ReadOnly,
        ErrorCode::Timeout,
        ErrorCode::Busy,
        ErrorCode::Unauthorized,
        ErrorCode::Forbidden,
        ErrorCode::Missing,
        ErrorCode::Mapping,
        ErrorCode::Internal,
        ErrorCode::NoSnapshot,
    ];

    /// The codes of permanent errors.
    pub const PERMANENT: [ErrorCode; 8] = [
        ErrorCode::Constraint,
        ErrorCode::Rejected,
        ErrorCode::Kept,
        ErrorCode::Unreadable,
        ErrorCode::Unmapped,
        ErrorCode::Unindexed,
        ErrorCode::Mistyped,
        ErrorCode::Misuse,
    ];

    /// Returns the kind of the store that failed, if the error tells it.
    pub fn store(&self) -> Option<StoreKind> {
        match self {
            Self::Unavailable { status }
            | Self::ReadOnly { status }
            | Self::Timeout { status }
            | Self::Busy { status }
            | Self::Unauthorized { status }
            | Self::Forbidden { status }
            | Self::Missing { status }
            | Self::Internal { status }
            | Self::Constraint { status }
            | Self::Rejected { status } => Some(status.store()),
            Self::Kept(store)
            | Self::Mapping { store, .. }
            | Self::Unreadable(store)
            | Self::Unmapped { store, .. }
            | Self::Misuse(store, _) => Some(*store),
            Self::Mistyped(_) | Self::NoSnapshot { .. } => Some(StoreKind::Sql),
            Self::Unindexed { .. } => Some(StoreKind::Vector),
            Self::Neighbour { error, .. } => error.as_ref()?.store(),
            Self::LeaseLost => None,
        }
    }

    /// Returns whether the whole store is out of reach: other calls would fail too, and a breaker
    /// should open.
    ///
    /// A [`Timeout`](Self::Timeout) is no outage: the call may be too large, or another client may
    /// hold a lock. A caller in doubt pings.
    pub fn is_outage(&self) -> bool {
        matches!(
            self,
            Self::Unavailable { .. } | Self::ReadOnly { .. } | Self::Unauthorized { .. }
        )
    }

    /// Returns whether one row may have caused the failure of a statement about many.
    pub(crate) fn may_be_one_rows(&self) -> bool {
        matches!(self, Self::Constraint { .. } | Self::Rejected { .. } | Self::Kept(_))
    }

    /// Returns the error as that of another target's store. A lost lease stays a lost lease.
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
    pub(crate) fn timed_out(store: StoreKind) -> Self {
        Self::Timeout {
            status: Status::Silent(store),
        }
    }
}

struct Asked<'a>(&'a Option<Box<StoreError>>);

impl fmt::Display for Asked<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(error) => error.fmt(f),
            None => f.write_str("its stores are out of reach and were not queried"),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lists_of_codes_follow_the_class() {
        let status = Status::Silent(StoreKind::Vector);
        for error in [
            StoreError::Unavailable { status },
            StoreError::ReadOnly { status },
            StoreError::Timeout { status },
            StoreError::Busy { status },
            StoreError::Unauthorized { status },
            StoreError::Forbidden { status },
            StoreError::Missing { status },
            StoreError::Internal { status },
            StoreError::Constraint { status },
            StoreError::Rejected { status },
            StoreError::Kept(StoreKind::Vector),
            StoreError::Mapping {
                store: StoreKind::Vector,
                faults: Vec::new(),
            },
            StoreError::Unreadable(StoreKind::Vector),
            StoreError::Unmapped {
                store: StoreKind::Vector,
                field: Field::User,
            },
            StoreError::Misuse(StoreKind::Vector, "x"),
        ] {
            let (code, class) = (error.code(), error.class());
            assert_eq!(
                StoreError::TRANSIENT.contains(&code),
                class == Class::Transient,
                "{error}"
            );
            assert_eq!(
                StoreError::PERMANENT.contains(&code),
                class == Class::Permanent,
                "{error}"
            );
            assert_eq!(error.store(), Some(StoreKind::Vector));
            assert_eq!(error.of_neighbour("other").store(), Some(StoreKind::Vector));
        }
        let state = Status::SqlState(*b"40001");
        assert_eq!(StoreError::Busy { status: state }.store(), Some(StoreKind::Sql));
    }
}
