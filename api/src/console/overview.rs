//! The overview: first the conditions that need somebody, then the numbers.

mod needs;
mod numbers;
mod page;
mod read;
mod refused;
mod target_fault;

pub(super) use page::page;
