//! `GET /v1/audit`: who did what, beside deleting.

mod event;
mod format;
pub(crate) mod list;
