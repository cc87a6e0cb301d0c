//! The admission of a deletion: turns the fields of a request into a job that the ledger can accept.
//!
//! All checks of a deletion happen here. After them only the ledger can refuse a job.

pub(crate) mod accepted;
pub(crate) mod column_types;
pub(crate) mod deadline;
pub(crate) mod new_job;
pub(crate) mod placement;
mod places;
pub(crate) mod query;
pub(crate) mod request;
pub(crate) mod spelling;
pub(crate) mod submit;
