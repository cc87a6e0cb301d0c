//! A customer's SQL database: one mapped table with its dependents.
//!
//! Nothing here knows of jobs. A call is one statement or one short transaction, each bounded by
//! the store's time limit; when the process dies inside one, the database rolls it back, and what
//! was committed before stays deleted, which the next call does not mind.

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

/// The most memories one statement names: the batch of the design, and small enough for the
/// planner's estimate of a JSON list (100 rows) to pick the index.
pub const MAX_ITEMS: usize = 1_000;

/// The most ids one page holds: planning cuts partitions of about this many.
pub const MAX_PAGE: u32 = 10_000;
