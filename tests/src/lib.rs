//! The harness of the end-to-end tests: real servers, the real binary, and ways to kill, stop,
//! restart and cut each of them.
//!
//! Tests read stores over connections of their own and never ask Lethe for the content. No fake replaces a part of
//! Lethe. Two fakes replace a vector store: one acknowledges deletions without doing them ([`tap::Tap::swallow`]), and
//! one searches without end ([`tap::Tap::search`]).
//!
//! `LETHE_TEST_POSTGRES_URL` and `LETHE_TEST_REDIS_URL` name servers that tests share, each test with its own database
//! or prefix. `LETHE_TEST_QDRANT_URL` (with `LETHE_TEST_QDRANT_API_KEY`) names a Qdrant server that replaces the
//! embedded engine. Tests that kill a server start their own. `LETHE_BIN` names the binary. By default it is the one
//! built beside the tests.

#![expect(clippy::missing_panics_doc, reason = "a harness panics wherever a test cannot go on")]
// A test may panic, and this crate contains only tests.
#![expect(clippy::unwrap_used, reason = "the message of a failed test is its line")]

pub mod by_query;
pub mod certificates;
pub mod client;
pub mod config;
pub mod cut;
pub mod layout;
pub mod ledger;
pub mod memories;
pub mod mysql;
pub mod neighbours;
pub mod postgres;
pub mod process;
pub mod prometheus;
pub mod random;
pub mod receiver;
pub mod redis;
pub mod relay;
pub mod service;
pub mod tap;
pub mod vectors;
pub mod wait;

/// Returns a variable of the environment, unless it is absent or empty.
#[expect(clippy::disallowed_methods, reason = "a test's servers are named by its environment")]
pub fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}
