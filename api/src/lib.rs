//! The HTTP interface: accepts deletions, and says how far they are.
//!
//! It validates against the configuration, writes to the ledger and reads from it. It never
//! touches a store, and never calls a worker.

mod accept;
mod answer;
mod auth;
mod compat;
mod http;
mod idempotency;
mod openapi;
mod query;
mod rate;
mod request;
mod router;
mod routes;
mod schedule;
mod select;
mod serve;
mod spelling;
mod state;
mod types;
mod watch;

pub use router::router;
pub use schedule::fire_due;
pub use serve::serve;
pub use state::AppState;
