//! The HTTP interface: accepts deletions, and says how far they are.
//!
//! It validates against the configuration, writes to the ledger and reads from it. It never
//! touches a store, and never calls a worker.

mod accept;
mod answer;
mod app;
mod auth;
mod backlog;
mod body;
mod compat;
mod cors;
mod extract;
mod idempotency;
mod json;
mod object;
mod observe;
mod openapi;
mod pace;
mod prefer;
mod problem;
mod query;
mod rate;
mod request;
mod routes;
mod schedule;
mod select;
mod serve;
mod spelling;
mod types;
mod watch;

pub use app::{AppState, router};
pub use schedule::fire_due;
pub use serve::serve;
