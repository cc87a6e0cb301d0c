//! `GET /v1/audit`: the acts of callers, apart from deletions.

mod event;
pub(crate) mod list;

pub(crate) use event::Event;
