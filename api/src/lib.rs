//! The HTTP interface: accepts deletions, and says how far they are.
//!
//! It validates against the configuration, writes to the ledger and reads from it. It never
//! touches a store, and never calls a worker.

mod answer;
mod auth;
mod compat;
mod deletion;
mod http;
mod idempotency;
mod openapi;
mod rate;
mod router;
mod routes;
mod schedule;
mod serve;
mod state;
mod watch;

pub use router::router;
pub use schedule::fire_due;
pub use serve::serve;
pub use state::AppState;
