//! Targets: their mappings in words, their health, the faults of their mappings, and their pauses.

mod acts;
mod health;
mod mapping;
mod page;
mod shared;

pub(super) use acts::{pause, pause_all, resume, resume_all};
pub(super) use page::page;
