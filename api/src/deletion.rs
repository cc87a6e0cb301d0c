//! A deletion on its way in: from the fields of a request to a job that the ledger can accept.
//!
//! Whatever can be refused is refused here.

pub(crate) mod accepted;
pub(crate) mod column_types;
pub(crate) mod new_job;
pub(crate) mod placement;
pub(crate) mod query;
pub(crate) mod request;
pub(crate) mod spelling;
pub(crate) mod submit;
