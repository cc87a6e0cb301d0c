//! The filter language of `POST /v1/jobs`, and its translation into Lethe's internal filters.
//!
//! Each filter is an object with one operator. `and`, `or` and `not` hold other filters. Unknown parts are refused with
//! their place: a query that is only partly understood erases nothing.

mod bound;
mod fields;
#[cfg(test)]
mod fuzz;
mod language;
mod one;
mod read;
mod term;

pub(crate) use fields::names;
pub(crate) use language::Query;
pub(crate) use read::{PLACE, read};
pub(crate) use term::scalar;
