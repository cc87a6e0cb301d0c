//! A customer's SQL database: one mapped table with its dependents.
//!
//! Nothing here knows of jobs. A call makes a few statements or short transactions, all within the
//! store's time limit. If the process dies inside one, the database rolls it back. Rows that an
//! earlier one deleted stay deleted, and the next call finds them absent.

mod column;
mod compare;
mod connect;
pub(crate) mod convention;
mod dependents;
mod dialect;
mod filter;
mod mapping;
mod propose;
mod schema;
mod statement;
mod table;
mod text;
mod tuples;

pub use connect::SqlStore;
pub use propose::Proposed;
pub use table::{Deletion, Keys, RowMatch, SqlTable, Taken};

/// The most memories that one statement names: the default batch size. It is small enough that the
/// planner, which assumes 100 rows for a JSON list, still picks the index.
pub const MAX_ITEMS: usize = 1_000;

/// The most ids that one page holds: planning cuts partitions of about this many.
pub const MAX_PAGE: u32 = 10_000;
