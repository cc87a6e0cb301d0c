//! The database of the ledger: connections, transactions, statements, and the reading of rows.

mod advice;
mod alter;
mod dialect;
mod emptied;
mod error;
mod group;
mod ledger;
mod migrations;
mod moves;
mod options;
mod personal;
mod pools;
mod reported;
pub(super) mod rows;
mod storage;
mod words;

pub use error::LedgerError;
pub use ledger::Ledger;
pub use options::LedgerOptions;

pub(super) use dialect::Dialect;
pub(super) use group::Grouped;
pub(super) use ledger::Inner;
pub(super) use moves::Moves;
pub(super) use pools::BUSY_TIMEOUT;
pub(super) use words::RESIDUE;
