//! The filter language of `POST /v1/jobs`, and how it is read into the one inside.
//!
//! Each filter is an object of one operator; `and`, `or` and `not` hold others. Whatever is not known
//! is refused by its place: nothing is erased by a query that was half understood.

mod bound;
mod fields;
mod language;
mod one;
mod read;
mod term;

pub(crate) use language::Query;
pub(crate) use read::{PLACE, read};
pub(crate) use term::scalar;
