//! `GET /v1/audit`: the acts of callers, apart from deletions.

mod event;
mod format;
pub(crate) mod list;
