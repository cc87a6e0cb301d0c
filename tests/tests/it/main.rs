//! The whole service, end to end: real servers, the real binary, one file per behaviour.

// Clippy does not see the functions that a macro turns into tests.
#![expect(clippy::unwrap_used, reason = "the message of a failed test is its line")]

mod again;
mod agreement;
mod answers;
mod bounded;
mod cancelling;
mod changed;
mod coalescing;
mod commands;
mod compat;
mod conditions;
mod connections;
mod control;
mod crowds;
mod dependents;
mod documents;
mod doorbell;
mod doubtful;
mod embedded;
mod erasing;
mod knocking;
mod ledger_refuses;
mod limits;
mod lying;
mod mistyped;
mod named;
mod neighbours;
mod nobody;
mod numbers;
mod opensearch;
mod outage;
mod pieces;
mod planning;
mod points;
mod preview;
mod query;
mod refusals;
mod refused;
mod repeats;
mod schedules;
mod sharing;
mod siblings;
mod spans;
mod standby;
mod start;
mod stop;
mod targets;
mod throttle;
mod tls;
mod unparsed;
mod usage;
mod watching;
mod workers;
