#![doc = include_str!("../README.md")]

mod auth;
mod collection;
mod compact;
mod convert;
#[cfg(test)]
#[path = "../../common/src/damage.rs"]
mod damage;
mod engine;
mod error;
mod files;
mod serve;
mod services;
mod store;
mod writer;

pub use error::EdgeError;
pub use serve::{EdgeOptions, serve};
