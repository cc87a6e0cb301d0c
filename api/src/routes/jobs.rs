//! Jobs.

pub(super) mod cancel;
pub(super) mod change;
pub(super) mod create;
pub(super) mod events;
pub(super) mod get;
pub(super) mod items;
pub(super) mod list;
pub(super) mod retry;
mod upload;
