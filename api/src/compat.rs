//! The delete APIs of other systems: each a translation, request → job and job → answer.
//!
//! One file or room a system, in its words and its shapes; which systems there are is in `system.rs` and `routes.rs`. What they share is here and
//! below: who asks ([`authenticate`]), accepting and waiting ([`erase`]), reading paths and queries
//! ([`read`]). Success is never a guess: a system's own success is answered when the job has
//! succeeded, read back, and 202 with the job until then.

mod advice;
pub(crate) mod agno;
mod authenticate;
mod bodiless;
mod document;
mod erase;
pub(crate) mod mem0;
pub(crate) mod memoryplugin;
pub(crate) mod mielto;
pub(crate) mod opensearch;
mod outcome;
mod read;
mod repeat;
mod routes;
mod sample;
mod system;
mod wanted;

pub(crate) use authenticate::authenticate;
pub(crate) use routes::routes;
pub(crate) use system::voice;
