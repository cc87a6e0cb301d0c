//! Reads for callers and gauges. This module writes nothing.

mod aim;
mod attempts;
mod counts;
mod items;
mod job;
mod service;
mod slices;
mod tasks;

pub use aim::Aim;
pub use attempts::Attempt;
pub use counts::StoreCounts;
pub use items::{ItemCursor, ItemRow};
pub use job::{JobFilter, JobView, Whose};
pub use service::{Running, ServiceState, Unfinished, probe_of};
pub use slices::SliceCounts;

pub(super) use counts::counts_in;
