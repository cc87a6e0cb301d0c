//! Receipts of jobs that ended.

pub(crate) mod answer;
pub(crate) mod file;
pub(crate) mod list;
pub(crate) mod of_job;
pub(crate) mod one;
pub(crate) mod seen;
