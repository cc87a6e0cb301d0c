//! The audit trail: who did what beside deleting, from where and when.
//!
//! An event is written by the transaction of the act that it tells of, so neither is there without the other. The acceptance of
//! a job is told by the job's own row. Nothing here changes an event; only its retention ends.

mod act;
mod actor;
mod event;
mod list;
mod note;

pub use act::{Act, Object};
pub use actor::Actor;
pub use event::{AuditEvent, Effect};
pub use list::AuditFilter;

pub(super) use note::{Deed, commit};
