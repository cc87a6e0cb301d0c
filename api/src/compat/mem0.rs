#![doc = include_str!("../../../docs/src/compatibility/mem0.md")]

mod asked;
mod batch;
mod error;
mod event;
mod memory;
mod person;
mod routes;

pub(crate) use error::ErrorBody;
pub(super) use error::error;
pub(crate) use person::Deleting;
pub(super) use routes::{AT_ONCE, ROOTS, routes};
