//! The check of a job's values against the column types that workers report.
//!
//! Before the first report a job is accepted. The planning worker then fails it (`mistyped`) and touches no store. The
//! alternative is 503 until the first report. It would refuse mostly valid jobs in the first seconds of every start.

mod check;
mod held;
mod person;
mod query;

pub(crate) use check::check;
pub(crate) use query::{Says, check_query, refused};
