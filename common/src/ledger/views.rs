//! Reads for callers and gauges. This module writes nothing.

mod aim;
mod attempts;
mod counts;
pub(super) mod course;
mod filter;
mod glance;
mod items;
mod job;
mod listed;
mod matching;
mod oldest;
mod only;
mod page;
pub(super) mod recent;
mod sections;
mod service;
mod slices;
mod tasks;
mod waits;
mod walk;
mod ways;

pub use aim::Aim;
pub use attempts::Attempt;
pub use counts::StoreCounts;
pub use course::Course;
pub use filter::{JobFilter, Whose};
pub use glance::{Glance, GlancePage};
pub use items::{ItemCursor, ItemRow};
pub use job::JobView;
pub use listed::ListedIds;
pub use matching::{Changeable, Matched, MatchedPage};
pub use page::JobPage;
pub use service::{Queue, Running, ServiceState, Unfinished, probe_of};
pub use slices::SliceCounts;

pub(super) use counts::{CountRow, Counted, counts_in, counts_text};
pub(super) use only::Only;
pub(super) use sections::{SectionIndex, SectionIndexes, united};
