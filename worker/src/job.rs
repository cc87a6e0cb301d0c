//! The work on partitions: planning, previewing, erasing and reading back, and their shared code.
//!
//! This module knows neither slots nor apalis. A task calls [`work`] with its leases, which ends or releases each of
//! them unless the work stops.

mod batch;
mod conditions;
mod cursor;
mod erase;
mod held;
mod intent;
mod matching;
mod pages;
mod piece;
mod pieces;
mod plan;
mod preview;
mod read_back;
mod repeats;
mod resolve;
mod survey;
mod work;

pub(crate) use work::work;
