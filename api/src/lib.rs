//! The HTTP interface: accepts deletions, and reports their progress.
//!
//! It validates against the configuration, writes to the ledger and reads from it. It never
//! touches a store, and never calls a worker.
//!
//! The modules depend on each other in one direction, which `tests/rooms.py` checks. `http` knows no caller, and `auth`
//! knows no handler. `state` is shared by the handlers. `refusals` notes acts without the right to them. `deletion`
//! admits every job, and `known_holds` adds its warnings about legal holds. `holds` checks those, and queues jobs again
//! after a release. `routes` and `compat` are the handlers. `console` shows what they answer, with plots of `history`.
//! `router` connects routes to them, and `openapi` describes the routes. `sequencer` works without requests: it enters
//! receipts and audit events in the log.

mod auth;
mod compat;
pub mod connections;
mod console;
#[cfg(test)]
#[path = "../../common/src/damage.rs"]
mod damage;
mod deletion;
mod fingerprint;
mod history;
mod holds;
mod http;
mod job;
mod known_holds;
mod migrating;
mod openapi;
mod readiness;
mod readings;
mod refusals;
mod router;
mod routes;
mod schedules;
mod sequencer;
mod serve;
mod state;
mod workers;

pub use http::problem::page::{PATH as PROBLEMS, render as problems};
pub use router::router;
pub use schedules::Firing;
pub use sequencer::{Done, KeyError, Looks, SequenceError, Sequencer, check_keys, run as sequence};
pub use serve::serve;
pub use state::AppState;
