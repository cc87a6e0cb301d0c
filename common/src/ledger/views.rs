//! Reads for callers and gauges. This module writes nothing.

mod aim;
mod attempts;
mod counts;
mod filter;
mod items;
mod job;
mod matching;
mod only;
pub(super) mod recent;
mod sections;
mod service;
mod slices;
mod tasks;
mod waits;

pub use aim::Aim;
pub use attempts::Attempt;
pub use counts::StoreCounts;
pub use filter::{JobFilter, Whose};
pub use items::{ItemCursor, ItemRow};
pub use job::JobView;
pub use matching::{Changeable, Matched};
pub use service::{Running, ServiceState, Unfinished, probe_of};
pub use slices::SliceCounts;

pub(super) use counts::counts_in;
pub(super) use only::Only;
pub(super) use sections::{SectionIndex, SectionIndexes, united};
