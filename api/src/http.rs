//! The parts that all requests and answers share.
//!
//! Nothing here knows of routes, callers or deletions.

pub(crate) mod accept;
pub(crate) mod body;
pub(crate) mod browsers;
pub(crate) mod cors;
pub(crate) mod exact;
pub(crate) mod extract;
pub(crate) mod format;
pub(crate) mod headers;
pub(crate) mod idempotency;
pub(crate) mod json;
pub(crate) mod limits;
pub(crate) mod media_type;
pub(crate) mod object;
pub(crate) mod observe;
pub(crate) mod page;
pub(crate) mod prefer;
pub(crate) mod problem;
pub(crate) mod query;
mod shape;
pub(crate) mod unknown;
