#![doc = include_str!("../README.md")]

pub mod clock;
pub mod config;
#[cfg(test)]
mod damage;
pub mod deadline;
pub mod doorbell;
pub mod error_code;
pub mod filter;
pub mod hold;
pub mod job;
pub mod job_end;
pub mod ledger;
pub mod limits;
pub mod metrics;
pub mod ndjson;
pub mod receipt;
pub mod route;
pub mod schedule;
pub mod selection;
pub mod state;
pub mod telemetry;
pub mod tlog;
