#![doc = include_str!("../README.md")]

pub mod clock;
pub mod config;
pub mod job;
pub mod ledger;
pub mod state;
