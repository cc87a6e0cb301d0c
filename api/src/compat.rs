//! The delete APIs of other systems: each translates requests into jobs, and jobs into answers.
//!
//! Each system has one file or module, with its own words and shapes. `system.rs` and `routes.rs` list the systems.
//! Shared parts are here and below: authentication ([`authenticate`]), accepting and waiting ([`erase`]), reading paths
//! and queries ([`read`]). A system's own success answer means that the job has succeeded and read back. Until then the
//! answer is 202 with the job, or 503 (`compat.on_timeout`).

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
pub(crate) mod sample;
mod system;
mod wanted;

pub(crate) use authenticate::authenticate;
pub(crate) use routes::routes;
pub(crate) use system::voice;
