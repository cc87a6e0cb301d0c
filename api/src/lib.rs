//! The HTTP interface: accepts deletions, and says how far they are.
//!
//! It validates against the configuration, writes to the ledger and reads from it. It never
//! touches a store, and never calls a worker.
//!
//! The rooms use each other in one direction, which `tests/rooms.py` checks: `http` knows of no
//! caller, `auth` of no handler, `state` is what handlers share, `deletion` admits every job, `routes`
//! and `compat` are the handlers, and `router` says what hangs where.

mod auth;
mod compat;
pub mod connections;
mod deletion;
mod fingerprint;
mod http;
mod job;
mod openapi;
mod readiness;
mod readings;
mod router;
mod routes;
mod schedules;
mod serve;
mod state;
mod workers;

pub use router::router;
pub use schedules::fire_due;
pub use serve::serve;
pub use state::AppState;
