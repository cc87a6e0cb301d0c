//! The database of the ledger: connections, transactions, statements, and rows as they are read.

mod dialect;
mod error;
mod group;
mod ledger;
mod moves;
pub(super) mod rows;
mod words;

pub use error::LedgerError;
pub use ledger::{Ledger, LedgerOptions};

pub(super) use dialect::Dialect;
pub(super) use group::Grouped;
pub(super) use ledger::Inner;
pub(super) use moves::Moves;
pub(super) use words::RESIDUE;
