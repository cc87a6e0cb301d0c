//! The API through its router, over a real ledger in a file. No worker runs, so jobs stay queued unless a test works on
//! them through the ledger.

mod accepting;
mod app;
mod audit;
mod bounds;
mod browsers;
mod callers;
mod compat;
mod console;
mod described;
mod documented;
mod examples;
mod guesses;
mod idempotent;
mod keys;
mod limits;
mod matching;
mod matrix;
mod matrix_compat;
mod numbers;
mod operating;
mod paths;
mod queries;
mod queries_points;
mod reading;
mod refusals;
mod rights;
mod schedules;
mod seeing;
mod stopping;
mod stores;
mod tasks;
mod tokens;
mod uploads;
mod waits;
mod watching;
