//! The legal holds that a worker knows, compiled for its mappings.
//!
//! The ledger has the holds. This module keeps those that were read last, and compiles them for a mapping: for its rows, and
//! for points without a row. A memory stays unless it is sure that no hold names it.

mod asking;
mod compiled;
mod known;
mod named;
mod of_points;
mod of_rows;
mod union;

pub(crate) use asking::Asking;
pub(crate) use compiled::{Keeper, Place, TableHolds};
pub(crate) use known::Holds;
