//! Jobs.

pub(crate) mod cancel;
pub(crate) mod change;
pub(crate) mod create;
pub(crate) mod events;
pub(crate) mod extend;
pub(crate) mod get;
pub(crate) mod items;
pub(crate) mod list;
pub(crate) mod matching;
mod not_accepted;
pub(crate) mod retry;
mod upload;
