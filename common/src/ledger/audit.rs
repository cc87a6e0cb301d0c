//! The audit trail: the act, actor, address and time of everything but deletions.
//!
//! The transaction of an act also writes its event, so neither exists without the other. The acceptance of a job has no
//! event: the job's own row records it. A refusal has an event without an act. No code changes an event. Forgetting
//! deletes it after its retention.

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
