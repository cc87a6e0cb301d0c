//! The pages of receipts, and of the log that has them.

mod certificate;
mod facts;
mod list;
mod log;
mod meaning;
mod one;
mod proof;
mod read;
mod statement;
#[cfg(test)]
mod tests;

pub(super) use certificate::page as certificate;
pub(super) use list::page as list;
pub(super) use log::page as log;
pub(super) use one::{file, page};
